"""A TCP proxy that does harm by a script, for the way between the edge and an upstream.

Each direction of each connection goes through its own steps; after the last one it passes everything on. `Reset`,
`Close` and `HalfClose` are done to the side that connected, the edge.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias

from tests.edge.faults.resets import reset

READ_BYTES = 64 * 1024


@dataclass(frozen=True)
class Pass:
    """Passes so many octets on, all by default, in pieces of at most `piece` octets, each a write of its own."""

    octets: int | None = None
    piece: int = READ_BYTES


@dataclass(frozen=True)
class PassThrough:
    """Passes on what there is up to a mark, and the mark."""

    mark: bytes


@dataclass(frozen=True)
class Say:
    """Says octets of its own, once something has come that could be passed on."""

    octets: bytes


@dataclass(frozen=True)
class Late:
    """Holds what has come back for so many seconds: latency."""

    seconds: float


@dataclass(frozen=True)
class Stall:
    """Reads and passes on nothing until the event is set, or ever."""

    until: asyncio.Event | None = None


@dataclass(frozen=True)
class Reset:
    """Resets the connection, once something has come that could be passed on."""


@dataclass(frozen=True)
class Close:
    """Closes the connection, once something has come that could be passed on."""


@dataclass(frozen=True)
class HalfClose:
    """Says that nothing more will come, once something has, and still takes what is sent."""


Step: TypeAlias = Pass | PassThrough | Say | Late | Stall | Reset | Close | HalfClose


@dataclass(frozen=True)
class Harm:
    """What happens to one connection: to what goes to the upstream, and to what comes from it."""

    up: Sequence[Step] = ()
    down: Sequence[Step] = ()


NO_HARM = Harm()


@dataclass
class Chaos:
    """A running proxy. `connections` is how many it has taken."""

    port: int = 0
    connections: int = 0


@asynccontextmanager
async def chaos(port: int, *harms: Harm) -> AsyncIterator[Chaos]:
    """Passes connections on to a port of loopback; the n-th one comes to the n-th harm, later ones to none."""
    state, running = Chaos(), set[asyncio.Task[object]]()

    async def serve(near: asyncio.StreamReader, near_writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        harm = harms[state.connections] if state.connections < len(harms) else NO_HARM
        state.connections += 1
        far, far_writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            async with asyncio.TaskGroup() as directions:
                directions.create_task(_Direction(near, far_writer, near_writer).run(harm.up))
                directions.create_task(_Direction(far, near_writer, near_writer).run(harm.down))
        except* (ConnectionError, _Over):
            pass
        finally:
            far_writer.close()
            near_writer.close()
            running.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


class _Over(Exception):
    """The connection has come to its end by a step."""


class _Direction:
    """One direction of one connection. `edge` is the side that `Reset`, `Close` and `HalfClose` are done to."""

    def __init__(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, edge: asyncio.StreamWriter) -> None:
        self._source = source
        self._sink = sink
        self._edge = edge
        self._come = b""

    async def run(self, steps: Sequence[Step]) -> None:
        """Goes through the steps, then passes all on up to the end and passes the end on."""
        for step in (*steps, Pass()):
            await self._take(step)
        self._sink.write_eof()

    async def _take(self, step: Step) -> None:
        match step:
            case Pass():
                await self._pass(step)
            case PassThrough(mark):
                while mark not in self._come and await self._more():
                    pass
                head, found, self._come = self._come.partition(mark)
                await self._write(head + found)
            case Late(seconds):
                await self._something()
                await asyncio.sleep(seconds)
            case Stall(until):
                await (until or asyncio.Event()).wait()
            case Say(octets):
                await self._something()
                await self._write(octets)
            case Reset():
                await self._something()
                reset(self._edge)
                raise _Over
            case Close():
                await self._something()
                raise _Over
            case HalfClose():
                await self._something()
                self._edge.write_eof()
                await asyncio.Event().wait()

    async def _pass(self, step: Pass) -> None:
        left = step.octets
        while left is None or left > 0:
            if not await self._something():
                return
            size = step.piece if left is None else min(step.piece, left)
            piece, self._come = self._come[:size], self._come[size:]
            await self._write(piece)
            if left is not None:
                left -= len(piece)

    async def _something(self) -> bool:
        """Whether anything is there or still comes."""
        return bool(self._come) or await self._more()

    async def _more(self) -> bool:
        data = await self._source.read(READ_BYTES)
        self._come += data
        return bool(data)

    async def _write(self, octets: bytes) -> None:
        self._sink.write(octets)
        await self._sink.drain()
        await asyncio.sleep(0)  # lets the other side read this piece by itself
