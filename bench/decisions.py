"""Load on limits: callers who ask again as soon as they are answered, over one stream as a busy edge has it; and the
same batches straight at Redis, which is the ceiling."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

import grpc
import hiredis
from penstock.ratelimit.v1 import limit_pb2
from penstock.ratelimit.v1 import rate_limit_service_pb2 as pb

from edge.limits import wire
from edge.limits.limiter import METHOD
from edge.limits.pump import MAX_CHECKS, MAX_IN_FLIGHT
from ratelimitsvc.batch import Batch, Layout, packed
from svckit.channels import open_stream

LIMIT, WINDOW_MILLIS = 500, 60_000
# As many batches are on their way to Redis itself: it must never wait for its client.
_PIPELINE = 16


@dataclass(frozen=True, slots=True)
class Keys:
    """Counters as the edge names them, in an order without pattern, all under one rule."""

    names: Sequence[bytes]
    algorithm: int

    @classmethod
    def of(cls, count: int, algorithm: int) -> "Keys":
        """So many; a multiple of a prime apart, so that neighbours in a batch are none in Redis."""
        tenant = b"01890000000070008000000000000000"
        return cls([b"%b:d:k:%032x" % (tenant, number * 7919 % count) for number in range(count)], algorithm)

    def entries(self) -> list[bytes]:
        """The checks as a StreamChecksRequest has them."""
        tail = wire.limit_tail(LIMIT, WINDOW_MILLIS, self.algorithm)
        return [wire.check_entry(wire.limit_entry(name, tail), 1) for name in self.names]

    def checks(self, cost: int = 1) -> list[limit_pb2.Check]:
        """The checks as messages."""
        return [
            limit_pb2.Check(
                limits=[
                    limit_pb2.Limit(
                        key=name,
                        limit=LIMIT,
                        window_millis=WINDOW_MILLIS,
                        algorithm=self.algorithm,  # type: ignore[arg-type]  # one of the enum's numbers
                    )
                ],
                cost=cost,
            )
            for name in self.names
        ]


@dataclass(slots=True)
class Load:
    """What was decided meanwhile. `sizes` counts batches by size; `seconds` are those of each batch."""

    decided: int = 0
    refused: int = 0
    failed: int = 0
    sizes: "Counter[int]" = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    @property
    def batch(self) -> float:
        """The mean size of a batch."""
        return self.decided / max(1, sum(self.sizes.values()))


class Callers:
    """So many callers on one stream. Each asks on the next key as soon as it is answered; whoever waits goes along
    with the next batch, and MAX_IN_FLIGHT batches are under way, as in the edge's own pump."""

    def __init__(self, channel: grpc.aio.Channel, keys: Keys, callers: int) -> None:
        self._open: Callable[[], Any] = channel.stream_stream(
            METHOD, response_deserializer=pb.StreamChecksResponse.FromString
        )
        self._entries = keys.entries()
        self._waiting = callers
        self._position = 0
        self._last_id = 0
        self._in_flight: dict[int, tuple[int, float]] = {}
        self._load = Load()
        self._wake = asyncio.Event()
        self._wake.set()

    def begin(self) -> Load:
        """The load from now on."""
        self._load = Load()
        return self._load

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[None]:
        """Has them ask while entered."""
        async with open_stream(self._open()) as call, asyncio.TaskGroup() as tasks:
            working = [tasks.create_task(self._write(call)), tasks.create_task(self._read(call))]
            yield
            for each in working:
                each.cancel()

    async def _write(self, call: Any) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting and len(self._in_flight) < MAX_IN_FLIGHT:
                await call.write(self._next())

    def _next(self) -> bytes:
        size = min(self._waiting, MAX_CHECKS)
        if self._position + size > len(self._entries):
            self._position = 0
        entries = self._entries[self._position : self._position + size]
        self._position += size
        self._waiting -= size
        self._last_id += 1
        self._in_flight[self._last_id] = (size, time.perf_counter())
        return wire.request(self._last_id, entries)

    async def _read(self, call: Any) -> None:
        while isinstance(response := await call.read(), pb.StreamChecksResponse):
            size, sent_at = self._in_flight.pop(response.batch_id)
            load = self._load
            load.seconds.append(time.perf_counter() - sent_at)
            load.sizes[size] += 1
            load.decided += len(response.decisions)
            load.failed += size - len(response.decisions)
            load.refused += sum(not each.allowed for each in response.decisions)
            self._waiting += size
            self._wake.set()


async def straight(socket_path: str, text: str, keys: Keys, size: int, seconds: float) -> int:
    """How many decisions the script itself makes in so many seconds, in batches of `size`, over one connection that is
    never idle.

    Commands are packed beforehand: the client must not be what is measured.
    """
    reader, writer = await asyncio.open_unix_connection(socket_path)
    replies = hiredis.Reader()
    try:
        digest = await _reply(reader, writer, replies, "SCRIPT", "LOAD", text)
        commands = _commands(digest, keys.checks(), size)
        due: deque[None] = deque()
        began, decided = time.perf_counter(), 0
        for command in commands:
            writer.write(command)
            due.append(None)
            while len(due) >= _PIPELINE:
                answers = await _read(reader, replies)
                for answer in answers:
                    if isinstance(answer, Exception):
                        raise answer
                    due.popleft()
                decided += size * len(answers)
            if time.perf_counter() - began > seconds:
                return decided
    finally:
        writer.close()
    raise AssertionError("commands never end")


def _commands(digest: bytes, checks: Sequence[limit_pb2.Check], size: int) -> Iterator[bytes]:
    """The checks in batches as EVALSHA, over and over."""
    layout = Layout()
    batches = [packed(checks[start : start + size], layout) for start in range(0, len(checks) - size + 1, size)]
    return cycle([_command(digest, batch) for batch in batches])


def _command(digest: bytes, batch: Batch) -> bytes:
    parts = ("EVALSHA", digest, len(batch.keys), *batch.keys, batch.numbers)
    return bytes(hiredis.pack_command(parts))  # type: ignore[arg-type]  # the stub knows one-tuples only


async def _reply(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, replies: hiredis.Reader, *command: str
) -> Any:
    writer.write(hiredis.pack_command(command))  # type: ignore[arg-type]
    return (await _read(reader, replies))[0]


async def _read(reader: asyncio.StreamReader, replies: hiredis.Reader) -> list[Any]:
    """The replies that are there, one at least."""
    found: list[Any] = []
    while not found:
        replies.feed(await reader.read(1 << 18))
        while (reply := replies.gets()) is not False:
            found.append(reply)
    return found
