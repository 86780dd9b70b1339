"""The wire between two processes, in a test's hands: what goes over it is kept, held back, or sent elsewhere."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import hiredis

from ratelimitsvc.batch import decided_at

READ_BYTES = 256 * 1024
DEADLINE_SECONDS = 60
HOST = "127.0.0.1"


@dataclass(slots=True)
class Call:
    """A call of a script: its first counter, and the time in it, which begins the answer; None until it has come."""

    first: bytes
    at: int | None = None


@dataclass(slots=True)
class Relay:
    """A running relay. New connections go to `to`, a port of loopback; while `open` is not set, nothing passes."""

    to: int
    port: int = 0
    open: asyncio.Event = field(default_factory=asyncio.Event)
    calls: list[Call] = field(default_factory=list)
    told: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def until(self, seen: Callable[[], bool]) -> None:
        """Returns when what has passed makes `seen` true."""
        async with asyncio.timeout(DEADLINE_SECONDS), self.told:
            await self.told.wait_for(seen)


@asynccontextmanager
async def relay(to: int, *, keeps_calls: bool = True) -> AsyncIterator[Relay]:
    """Passes connections on to a port, and keeps the calls of scripts among what they say."""
    state, running = Relay(to), set[asyncio.Task[Any]]()
    state.open.set()

    async def serve(near: asyncio.StreamReader, near_writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        asked, answered = _looks(state) if keeps_calls else (_pass_over, _pass_over)
        with contextlib.ExitStack() as closing:
            closing.callback(running.discard, task)
            closing.callback(near_writer.close)
            try:
                far, far_writer = await asyncio.open_connection(HOST, state.to)
                closing.callback(far_writer.close)
                async with asyncio.TaskGroup() as directions:
                    directions.create_task(_pass(near, far_writer, state, asked))
                    directions.create_task(_pass(far, near_writer, state, answered))
            except* OSError:
                pass

    server = await asyncio.start_server(serve, HOST, 0)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


Look: TypeAlias = Callable[[bytes], None]


async def _pass(source: asyncio.StreamReader, sink: asyncio.StreamWriter, state: Relay, look: Look) -> None:
    """ConnectionError when the source has ended, which ends the other direction, too."""
    while octets := await source.read(READ_BYTES):
        await state.open.wait()
        look(octets)
        async with state.told:
            state.told.notify_all()
        sink.write(octets)
        await sink.drain()
    raise ConnectionError


def _pass_over(_octets: bytes) -> None:
    pass


def _looks(state: Relay) -> tuple[Look, Look]:
    """What reads the commands and the replies of one connection, which come in the order of the commands."""
    # Commands have the form of replies: arrays of strings.
    commands, replies = hiredis.Reader(), hiredis.Reader()
    due: deque[Call | None] = deque()

    def asked(octets: bytes) -> None:
        commands.feed(octets)
        while (command := commands.gets()) is not False:
            call = Call(command[3]) if command[0] in (b"EVALSHA", b"EVAL") else None
            due.append(call)
            if call is not None:
                state.calls.append(call)

    def answered(octets: bytes) -> None:
        replies.feed(octets)
        while (reply := replies.gets()) is not False:
            call = due.popleft()
            if call is not None and isinstance(reply, bytes):
                call.at = decided_at(reply)

    return asked, answered
