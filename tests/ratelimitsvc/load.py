"""Load on limits by client processes, each by a seed of its own: what is asked, and what was answered."""

import asyncio
import pickle
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final, TypeAlias

from domain.limits import Limit
from tests.ratelimitsvc.history import Event
from tests.ratelimitsvc.processes import ROOT, RateLimitProcess
from tests.ratelimitsvc.relay import Call

CLIENTS: Final = 4
DEADLINE_SECONDS: Final = 60
MILLI: Final = 1_000

STEADY: Final = Limit(b"t:steady", 40, 200 * MILLI)
COSTLY: Final = Limit(b"t:costly", 60, 150 * MILLI)
CHANGING: Final = tuple(Limit(b"t:changing", units, 170 * MILLI) for units in (30, 12, 21))
# In use for 110 ms and left alone as long: its units leave one by one, and then Redis forgets it.
PAUSING: Final = Limit(b"t:pausing", 25, 80 * MILLI)
# The same with so little that a slow machine fills it as well.
BURSTS: Final = Limit(b"t:bursts", 5, 40 * MILLI)
OWN: Final = tuple(Limit(b"t:own:%d" % each, 10, 160 * MILLI) for each in range(3))
ALL: Final = Limit(b"t:all", 22, 140 * MILLI)
# Outlives the test: what is lost of it does not come back by waiting.
LASTING: Final = Limit(b"t:lasting", 1_500, 3_600_000 * MILLI)

Ask: TypeAlias = tuple[tuple[Limit, ...], int]
"""Limits and cost of one request."""
Plan: TypeAlias = Callable[[Random, int], Ask | None]
"""What a client asks at a time in milliseconds; None: nothing."""


@dataclass(frozen=True, slots=True)
class Told:
    """A batch, by its name, and for each request whether it was admitted and the wait in milliseconds.

    `answers` is None when the batch was not decided; `at`, its time in microseconds, where the client knows it.
    """

    name: bytes
    asks: Sequence[Ask]
    answers: Sequence[tuple[bool, int | None]] | None
    at: int | None = None


def _various(chance: Random, millis: int) -> Ask | None:
    match chance.randrange(5):
        case 0:
            return (STEADY,), 1
        case 1:
            return (COSTLY,), chance.randint(1, 7)
        case 2:
            return (CHANGING[millis // 130 % 3],), chance.randint(1, 2)
        case 3:
            return (OWN[chance.randrange(3)], ALL), 1
        case _:
            return _pausing(chance, millis)


def _pausing(_chance: Random, millis: int) -> Ask | None:
    return ((PAUSING,), 1) if millis // 110 % 2 else None


def _bursts(_chance: Random, millis: int) -> Ask | None:
    return ((BURSTS,), 1) if millis // 110 % 2 else None


def _lasting(chance: Random, _millis: int) -> Ask | None:
    return ((LASTING,), chance.randint(1, 3)) if chance.random() < 0.5 else ((STEADY,), 1)


PLANS: Final[dict[str, Plan]] = {"various": _various, "bursts": _bursts, "lasting": _lasting}


@dataclass(slots=True)
class Load:
    """What all client processes were told, once they have ended."""

    told: list[Told] = field(default_factory=list)

    @property
    def undecided(self) -> int:
        """How many batches were not decided."""
        return sum(each.answers is None for each in self.told)

    def history(self, calls: Sequence[Call] | None = None) -> list[Event]:
        """What was decided and told, in the order of `calls` of the script; without, by the clients' own times."""
        if calls is None:
            return _events(sorted(((each.at or 0, each) for each in self.told), key=lambda timed: timed[0]))
        by_name = {each.name: each for each in self.told}
        named = ((call.at, by_name.get(call.first.partition(b":")[2])) for call in calls)
        return _events((at, told) for at, told in named if at is not None and told is not None)


def _events(timed: Iterable[tuple[int, Told]]) -> list[Event]:
    return [
        Event(at, limits, cost, allowed, retry_after_millis)
        for at, told in timed
        for (limits, cost), (allowed, retry_after_millis) in zip(told.asks, told.answers or (), strict=False)
    ]


def of(history: Iterable[Event], key: bytes) -> list[Event]:
    """The part of a history that is about one counter."""
    return [event for event in history if any(limit.key == key for limit in event.limits)]


def units(history: Iterable[Event]) -> int:
    """How many units were admitted."""
    return sum(event.cost for event in history if event.allowed)


@asynccontextmanager
async def load(service: RateLimitProcess, plan: str) -> AsyncIterator[Load]:
    """Clients of the service, until the context is left."""
    key_file = Path(service.target.removeprefix("unix:")).with_name("edge.key")
    async with clients("service", plan, service.target, str(key_file)) as running:
        yield running


@asynccontextmanager
async def clients(decider: str, plan: str, *arguments: str) -> AsyncIterator[Load]:
    """Client processes that decide by `decider` (see `load_client`), until the context is left."""
    running = Load()
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.ratelimitsvc.load_client", decider, plan, str(seed), *arguments),
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for seed in range(CLIENTS)
    ]
    try:
        yield running
        async with asyncio.timeout(DEADLINE_SECONDS):
            outputs = await asyncio.gather(*(process.communicate(b"") for process in processes))
        assert [process.returncode for process in processes] == [0] * CLIENTS
        # What our own children wrote.
        running.told += [told for output, _ in outputs for told in pickle.loads(output)]  # noqa: S301
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
                await process.communicate()
