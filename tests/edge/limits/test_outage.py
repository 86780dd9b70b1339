"""The limiter and a real ratelimitsvc that is stopped in its tracks, and goes on."""

import asyncio
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from edge.limits.crowds import AddressCounters
from edge.limits.decision import Decision, Source
from edge.limits.limiter import SILENCE_SECONDS, Limiter, LimitUnavailable
from edge.limits.rules import Outage
from tests.edge.limits.conftest import limit_set
from tests.ratelimitsvc.processes import RateLimitProcess, rate_limit_process

DEADLINE_SECONDS = 30


@asynccontextmanager
async def limiting(
    service: RateLimitProcess, addresses: AddressCounters | None = None, silence_seconds: float = SILENCE_SECONDS
) -> AsyncIterator[Limiter]:
    async with service.channel() as channel, asyncio.TaskGroup() as tasks:
        limiter = Limiter(
            channel,
            unit=lambda: 0.0,
            fail_open=lambda _reason: None,
            addresses=addresses,
            silence_seconds=silence_seconds,
        )
        running = tasks.create_task(limiter.run())
        await shared(limiter)
        yield limiter
        running.cancel()


async def shared(limiter: Limiter) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        await limiter.closed.wait()


def at_once(check: Coroutine[Any, Any, Decision]) -> Decision:
    """What the check answers without waiting for anything."""
    with pytest.raises(StopIteration) as stopped:
        check.send(None)
    decision = stopped.value.value
    assert isinstance(decision, Decision)
    return decision


async def until_decided_by(limiter: Limiter, source: Source) -> Decision:
    """The first decision from `source`: a loaded machine may open the breaker for a moment by itself."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while (decision := await limiter.check(limit_set(100_000))).source is not source:
            await shared(limiter)
    return decision


async def test_a_stopped_service_stalls_one_instant_of_requests_and_is_used_again_when_it_goes_on(
    short_dir: Path, valkey: str
) -> None:
    async with rate_limit_process(short_dir, valkey) as service:
        await service.serving()
        async with limiting(service) as limiter:
            before = await until_decided_by(limiter, Source.REDIS)
            service.process.send_signal(signal.SIGSTOP)
            async with asyncio.timeout(DEADLINE_SECONDS):
                first = await limiter.check(limit_set(2))
            assert (first.allowed, first.source) == (True, Source.LOCAL)
            # From now on nobody waits: each answer comes in the same step of the loop.
            assert at_once(limiter.check(limit_set(2))).allowed
            assert not at_once(limiter.check(limit_set(2))).allowed
            assert at_once(limiter.check(limit_set(2, outage=Outage.OPEN))).source is Source.OPEN
            with pytest.raises(LimitUnavailable):
                limiter.check(limit_set(2, outage=Outage.STRICT)).send(None)
            service.process.send_signal(signal.SIGCONT)
            await shared(limiter)
            after = await until_decided_by(limiter, Source.REDIS)
            assert after.remaining < before.remaining


async def test_a_killed_service_is_done_without(short_dir: Path, valkey: str) -> None:
    async with rate_limit_process(short_dir, valkey) as service:
        await service.serving()
        async with limiting(service) as limiter:
            service.process.kill()
            await service.process.wait()
            async with asyncio.timeout(DEADLINE_SECONDS):
                assert (await limiter.check(limit_set(1_000))).source is Source.LOCAL
            assert at_once(limiter.check(limit_set(1_000))).source is Source.LOCAL
