"""The stream to ratelimitsvc, its breaker, and what is decided without it; against a service that obeys the test."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from penstock.ratelimit.v1 import limit_pb2
from penstock.ratelimit.v1 import rate_limit_service_pb2 as pb

from edge.limits.decision import Decision, Source
from edge.limits.limiter import METHOD, SILENCE_SECONDS, Limiter, LimitUnavailable
from edge.limits.pump import MAX_CHECKS
from edge.limits.rules import Outage
from svckit.switchboard import Mount
from tests.edge.limits.conftest import limit_set
from tests.support.services import ServiceHost

DEADLINE_SECONDS = 20


class ObedientService:
    """Admits everything; can be told to hold its answers back, to fail batches, and to end streams."""

    def __init__(self) -> None:
        self.batches: list[pb.StreamChecksRequest] = []
        self.probes = 0
        self.arrived = asyncio.Condition()
        self.answering = asyncio.Event()
        self.answering.set()
        self.ending = asyncio.Event()
        self.failure: pb.BatchFailure | None = None
        self.undecided: list[int] = []

    async def StreamChecks(self, requests: AsyncIterator[pb.StreamChecksRequest], context: Any) -> None:
        async def answer_all() -> None:
            async for request in requests:
                await self._note(request)
                await self.answering.wait()
                await context.write(self._answer(request))

        async with asyncio.TaskGroup() as tasks:
            answering = tasks.create_task(answer_all())
            tasks.create_task(self._cancel_at_end(answering))

    async def _cancel_at_end(self, answering: asyncio.Task[None]) -> None:
        await self.ending.wait()
        self.ending.clear()
        answering.cancel()

    async def _note(self, request: pb.StreamChecksRequest) -> None:
        async with self.arrived:
            if request.checks[0].limits[0].key == b"probe":
                self.probes += 1
            else:
                self.batches.append(request)
            self.arrived.notify_all()

    def _answer(self, request: pb.StreamChecksRequest) -> pb.StreamChecksResponse:
        if self.failure is not None:
            return pb.StreamChecksResponse(batch_id=request.batch_id, failure=self.failure)
        decision = limit_pb2.Decision(allowed=True, remaining=7, reset_millis=60_000)
        decisions = [decision] * len(request.checks)
        return pb.StreamChecksResponse(batch_id=request.batch_id, decisions=decisions, undecided=self.undecided)

    async def until(self, told: Callable[[], bool]) -> None:
        """Waits until what has arrived makes `told` true."""
        async with asyncio.timeout(DEADLINE_SECONDS), self.arrived:
            await self.arrived.wait_for(told)


@dataclass(slots=True)
class Rig:
    """A limiter whose stream is open, and its service."""

    service: ObedientService
    limiter: Limiter
    tasks: asyncio.TaskGroup
    failed_open: list[str] = field(default_factory=list)

    def start(self, *, caller: str = "alice", outage: Outage = Outage.LOCAL) -> asyncio.Task[Decision]:
        """A request that waits for its decision."""
        return self.tasks.create_task(self.limiter.check(limit_set(2, caller=caller, outage=outage)))

    async def closed(self) -> None:
        await within(self.limiter.closed.wait())


async def within(waiting: Awaitable[Any]) -> Any:
    async with asyncio.timeout(DEADLINE_SECONDS):
        return await waiting


@asynccontextmanager
async def running(service_host: ServiceHost, silence_seconds: float = DEADLINE_SECONDS) -> AsyncIterator[Rig]:
    service = ObedientService()
    hosted = await service_host.serve(
        "ratelimitsvc",
        {METHOD: frozenset({"edge"})},
        [Mount(_add_stream_alone, service)],
    )
    failed_open: list[str] = []
    limiter = Limiter(
        await hosted.channel("edge"),
        unit=lambda: 0.0,
        fail_open=failed_open.append,
        silence_seconds=silence_seconds,
    )
    async with asyncio.TaskGroup() as tasks:
        pump = tasks.create_task(limiter.run())
        rig = Rig(service, limiter, tasks, failed_open)
        await rig.closed()
        yield rig
        service.answering.set()
        pump.cancel()


def _add_stream_alone(servicer: Any, server: Any) -> None:
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.StreamChecks,
        request_deserializer=pb.StreamChecksRequest.FromString,
        response_serializer=pb.StreamChecksResponse.SerializeToString,
    )
    _, service, method = METHOD.split("/")
    server.add_registered_method_handlers(service, {method: handler})


async def test_an_idle_worker_pays_one_round_trip_and_one_message(service_host: ServiceHost) -> None:
    async with running(service_host) as rig:
        decision = await within(rig.limiter.check(limit_set(500)))
        assert (decision.allowed, decision.remaining, decision.reset_millis) == (True, 7, 60_000)
        assert (decision.source, decision.policy, decision.rate.requests) == (Source.REDIS, "default", 500)
        assert [len(batch.checks) for batch in rig.service.batches] == [1]
        assert rig.failed_open == []


async def test_requests_of_one_instant_go_in_one_message(service_host: ServiceHost) -> None:
    async with running(service_host) as rig:
        await within(asyncio.gather(*(rig.start(caller=str(number)) for number in range(MAX_CHECKS))))
        assert [len(batch.checks) for batch in rig.service.batches] == [MAX_CHECKS]


async def test_silence_opens_the_breaker_and_each_waiting_request_is_decided_by_its_mode(
    service_host: ServiceHost,
) -> None:
    async with running(service_host, SILENCE_SECONDS) as rig:
        rig.service.answering.clear()
        modes = (Outage.LOCAL, Outage.OPEN, Outage.STRICT)
        checks = (rig.limiter.check(limit_set(outage=mode)) for mode in modes)
        local, passed, strict = await within(asyncio.gather(*checks, return_exceptions=True))
        assert (local.source, passed.source) == (Source.LOCAL, Source.OPEN)
        assert isinstance(strict, LimitUnavailable)
        assert rig.failed_open == ["silence", "silence"]
        assert rig.limiter.opened == {"silence": 1}
        assert not rig.limiter.closed.is_set()


async def test_while_the_breaker_is_open_the_full_limit_holds_in_the_worker(service_host: ServiceHost) -> None:
    async with running(service_host, SILENCE_SECONDS) as rig:
        rig.service.answering.clear()
        assert (await within(rig.start())).source is Source.LOCAL
        decisions = [await rig.limiter.check(limit_set(2)) for _ in range(2)]
        assert [(each.allowed, each.source) for each in decisions] == [(True, Source.LOCAL), (False, Source.LOCAL)]
        assert decisions[1].retry_after_millis > 0
        assert len(rig.service.batches) == 1


async def test_an_answered_probe_closes_the_breaker_and_late_answers_change_nothing(
    service_host: ServiceHost,
) -> None:
    async with running(service_host, 10 * SILENCE_SECONDS) as rig:
        rig.service.answering.clear()
        assert (await within(rig.start())).source is Source.LOCAL
        probes = rig.service.probes
        rig.service.answering.set()
        await rig.closed()
        assert rig.service.probes > probes
        assert rig.limiter.batches == 0
        assert (await within(rig.start())).source is Source.REDIS
        assert rig.limiter.batches == 1


@pytest.mark.parametrize(
    ("failure", "reason"), [("LIMIT_UNAVAILABLE", "counters"), ("OVERLOADED", "overloaded"), ("NEW", "counters")]
)
async def test_a_service_that_cannot_decide_opens_the_breaker_at_once(
    service_host: ServiceHost, failure: str, reason: str
) -> None:
    async with running(service_host) as rig:
        rig.service.failure = pb.BatchFailure(reason=failure)
        assert (await within(rig.start())).source is Source.LOCAL
        assert rig.failed_open == [reason]
        assert rig.limiter.counters_away == (reason == "counters")
        probes = rig.service.probes
        await rig.service.until(lambda: rig.service.probes > probes)
        assert not rig.limiter.closed.is_set()
        rig.service.failure = None
        await rig.closed()


async def test_a_rejected_batch_is_decided_here_and_the_breaker_stays_closed(service_host: ServiceHost) -> None:
    async with running(service_host) as rig:
        rig.service.failure = pb.BatchFailure(reason="BAD_REQUEST", detail="checks[0].limits[0].key has 1 to 256 bytes")
        assert (await within(rig.start())).source is Source.LOCAL
        assert rig.failed_open == ["rejected"]
        assert rig.limiter.closed.is_set()


async def test_what_a_lost_node_leaves_undecided_is_decided_here_and_the_breaker_stays_closed(
    service_host: ServiceHost,
) -> None:
    async with running(service_host) as rig:
        rig.service.undecided = [0]
        lost, kept = rig.start(caller="alice"), rig.start(caller="bob")
        assert ((await within(lost)).source, (await within(kept)).source) == (Source.LOCAL, Source.REDIS)
        assert rig.failed_open == ["counters"]
        assert rig.limiter.closed.is_set()


async def test_a_stream_that_ends_is_opened_again(service_host: ServiceHost) -> None:
    async with running(service_host) as rig:
        rig.service.answering.clear()
        waiting = rig.start(outage=Outage.OPEN)
        await rig.service.until(lambda: len(rig.service.batches) == 1)
        rig.service.ending.set()
        assert (await within(waiting)).source is Source.OPEN
        rig.service.answering.set()
        await rig.closed()
        assert (await within(rig.start())).source is Source.REDIS


async def test_a_request_that_ends_while_it_waits_disturbs_no_other(service_host: ServiceHost) -> None:
    async with running(service_host) as rig:
        gone, there = rig.start(caller="gone"), rig.start(caller="there")
        await asyncio.sleep(0)
        gone.cancel()
        assert (await within(there)).source is Source.REDIS


async def test_before_the_first_stream_and_after_the_last_requests_are_decided_alone(
    service_host: ServiceHost,
) -> None:
    async with running(service_host) as rig:
        limiter = rig.limiter
    assert (await limiter.check(limit_set())).source is Source.LOCAL
    unconnected = Limiter(grpc.aio.insecure_channel("unix:/nonexistent"), unit=lambda: 0.0, fail_open=lambda _: None)
    assert (await unconnected.check(limit_set())).source is Source.LOCAL
    with pytest.raises(LimitUnavailable):
        await unconnected.check(limit_set(outage=Outage.STRICT))
