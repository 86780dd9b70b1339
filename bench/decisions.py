"""Load on limits: callers who ask again as soon as they are answered, over one stream as a busy edge has it; and
batches straight at Redis, which is the ceiling."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle, takewhile
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
_TENANT = b"01890000000070008000000000000000"
PIPELINE = 16
"""So many batches are on their way to Redis itself: it must never wait for its client."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Counters as the edge names them, in an order without pattern, all under one rule."""

    names: Sequence[bytes]
    algorithm: int
    window_millis: int = WINDOW_MILLIS

    @classmethod
    def of(cls, count: int, algorithm: int, window_millis: int = WINDOW_MILLIS) -> "Keys":
        """So many; a multiple of a prime apart, so that neighbours in a batch are none in Redis."""
        names = [b"%b:d:k:%032d" % (_TENANT, number * 7919 % count) for number in range(count)]
        return cls(names, algorithm, window_millis)

    def entries(self) -> list[bytes]:
        """The checks as a StreamChecksRequest has them."""
        tail = wire.limit_tail(LIMIT, self.window_millis, self.algorithm)
        return [wire.check_entry(wire.limit_entry(name, tail), 1) for name in self.names]

    def checks(self, cost: int = 1) -> list[limit_pb2.Check]:
        """The checks as messages."""
        return [
            limit_pb2.Check(
                limits=[
                    limit_pb2.Limit(
                        key=name,
                        limit=LIMIT,
                        window_millis=self.window_millis,
                        algorithm=self.algorithm,  # type: ignore[arg-type]  # one of the enum's numbers
                    )
                ],
                cost=cost,
            )
            for name in self.names
        ]


@dataclass(slots=True)
class Load:
    """What was decided meanwhile. `sizes` counts batches by size, `reasons` those that failed by why; `seconds` are
    those of each batch."""

    decided: int = 0
    refused: int = 0
    failed: int = 0
    reasons: "Counter[str]" = field(default_factory=Counter)
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
            if response.HasField("failure"):
                load.reasons[response.failure.reason] += 1
            load.refused += sum(not each.allowed for each in response.decisions)
            self._waiting += size
            self._wake.set()


async def straight(socket_path: str, commands: Iterable[bytes]) -> int:
    """Has Redis answer the commands, over one connection that is never idle; how many there were.

    They are packed beforehand: the client must not be what is measured. ReplyError for a reply that is an error.
    """
    reader, writer = await asyncio.open_unix_connection(socket_path)
    replies = hiredis.Reader()
    sent = answered = 0
    try:
        for command in commands:
            writer.write(command)
            sent += 1
            while sent - answered >= PIPELINE:
                answered += await _read(reader, replies)
        while answered < sent:
            answered += await _read(reader, replies)
    finally:
        writer.close()
    return answered


def lasting(commands: Iterable[bytes], seconds: float) -> Iterator[bytes]:
    """The commands for so long."""
    end = time.perf_counter() + seconds
    return takewhile(lambda _: time.perf_counter() < end, commands)


def commands(digest: str, batches: Iterable[Batch]) -> Iterator[bytes]:
    """The batches as EVALSHA, over and over."""
    return cycle([_command(digest, batch) for batch in batches])


def batched(checks: Sequence[limit_pb2.Check], size: int, layout: Layout) -> list[Batch]:
    """The checks in batches of so many."""
    return [packed(checks[start : start + size], layout) for start in range(0, len(checks) - size + 1, size)]


def _command(digest: str, batch: Batch) -> bytes:
    parts = ("EVALSHA", digest, len(batch.keys), *batch.keys, batch.numbers)
    return bytes(hiredis.pack_command(parts))  # type: ignore[arg-type]  # the stub knows one-tuples only


async def _read(reader: asyncio.StreamReader, replies: hiredis.Reader) -> int:
    """How many replies are there, one at least."""
    found = 0
    while not found:
        replies.feed(await reader.read(1 << 18))
        while (reply := replies.gets()) is not False:
            if isinstance(reply, Exception):
                raise reply
            found += 1
    return found
