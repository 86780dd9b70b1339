"""Decides the limits of a worker's requests: over one stream to ratelimitsvc, and without it while that is away.

The breaker opens when nothing comes for `silence_seconds` while a batch is under way, when the stream ends, or when
the service says that it is overloaded or its counters are out of reach. It closes when a probe is answered in time. A
late answer to a request that was decided meanwhile is discarded.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final, Protocol, TypeAlias

import grpc
import structlog
from penstock.ratelimit.v1 import limit_pb2
from penstock.ratelimit.v1 import rate_limit_service_pb2 as pb

from edge.limits.crowds import AddressCounters
from edge.limits.decision import Decision, Source
from edge.limits.local import LocalWindows
from edge.limits.policy import LimitSet
from edge.limits.pump import Lost, Outcome, Pump
from edge.limits.rules import Outage
from svckit.backoff import delays
from svckit.channels import open_stream

METHOD: Final = "/penstock.ratelimit.v1.RateLimitService/StreamChecks"
SILENCE_SECONDS: Final = 0.025
# A timer that is this late says that this process stood still, not its peer: what has come is read first.
_STALL_SECONDS: Final = 0.005
# Probes and new streams after 25–50 ms at first, 0.75–1.5 s at last.
_BACKOFF_SCALE: Final = 0.05
# Asks without counting, on a counter that nobody uses; it takes the same way through Redis as any other.
_PROBE: Final = limit_pb2.Check(limits=[limit_pb2.Limit(key=b"probe", limit=1, window_millis=1)], cost=0)
_CONNECTING: Final = "connecting"
# What a batch's failure is called here, by its reason; any other one says that the counters are out of reach.
_FAILURES: Final = {"BAD_REQUEST": "rejected", "OVERLOADED": "overloaded"}
# Waits begin anew after the breaker was closed for so long; else a slow peer would be tried over and over.
_HEALTHY_SECONDS: Final = 5.0
Stream: TypeAlias = "grpc.aio.StreamStreamCall[bytes, pb.StreamChecksResponse]"
log = structlog.get_logger()


class LimitUnavailable(Exception):
    """The limits cannot be decided now, on a route that insists on it."""


class Fallback(Protocol):
    """Decides in this worker alone."""

    def decide(self, limits: LimitSet, cost: int) -> Decision: ...


class Limiter:
    """One per worker. `fail_open` is told the reason of every decision made without the shared counters.

    Public counts: `decisions` by source, `batches` answered, `opened` by reason of the breaker's opening.
    """

    def __init__(
        self,
        channel: grpc.aio.Channel,
        *,
        unit: Callable[[], float],
        fail_open: Callable[[str], None],
        local: Fallback | None = None,
        addresses: AddressCounters | None = None,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        self._stream: Callable[[], Stream] = channel.stream_stream(
            METHOD, response_deserializer=pb.StreamChecksResponse.FromString
        )
        self._unit = unit
        self._fail_open = fail_open
        self._local: Fallback = local or LocalWindows(lambda: time.monotonic_ns() // 1000)
        self._addresses = addresses or AddressCounters()
        self._silence_seconds = silence_seconds
        self._pump = Pump()
        self._wake = asyncio.Event()
        self._waits = delays(unit, scale=_BACKOFF_SCALE)
        self._away: str | None = _CONNECTING
        self._closed_at = 0.0
        self._heard_at = 0.0
        self._look: asyncio.TimerHandle | None = None
        self._probing: tuple[int, asyncio.Future[bool]] | None = None
        self.decisions = dict.fromkeys(Source, 0)
        self.batches = 0
        self.opened: dict[str, int] = {}
        self.closed = asyncio.Event()
        """Set while decisions come from the shared counters."""

    @property
    def connecting(self) -> bool:
        """Whether nothing is known of ratelimitsvc yet."""
        return self._away == _CONNECTING

    @property
    def counters_away(self) -> bool:
        """Whether ratelimitsvc answers, but cannot reach its counters."""
        return self._away == "counters"

    async def check(self, limits: LimitSet, cost: int = 1) -> Decision:
        """Decides a request; LimitUnavailable when that is not possible and the route is strict."""
        loop = asyncio.get_running_loop()
        if limits.plan.crowd is not None:
            limits = self._addresses.placed(limits, cost, loop.time())
        if self._away is not None:
            return self._decide_alone(limits, cost, self._away)
        future: asyncio.Future[Outcome] = loop.create_future()
        self._pump.add(future, limits, cost)
        self._wake.set()
        outcome = await future
        if isinstance(outcome, Lost):
            return self._decide_alone(limits, cost, outcome.reason)
        self.decisions[Source.REDIS] += 1
        return Decision(
            outcome.allowed,
            outcome.binding,
            outcome.remaining,
            outcome.reset_millis,
            outcome.retry_after_millis,
            Source.REDIS,
            limits,
        )

    def _decide_alone(self, limits: LimitSet, cost: int, reason: str) -> Decision:
        outage = limits.plan.outage
        if outage is Outage.STRICT:
            raise LimitUnavailable(reason)
        self._fail_open(reason)
        if outage is Outage.LOCAL:
            decision = self._local.decide(limits, cost)
        else:
            decision = Decision(True, 0, limits.plan.policies[0].rate.requests, 0, 0, Source.OPEN, limits)
        self.decisions[decision.source] += 1
        return decision

    # -- stream ------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keeps the stream open until cancelled; from then on requests are decided without it."""
        try:
            while True:
                async with open_stream(self._stream()) as call, asyncio.TaskGroup() as tasks:
                    writing = tasks.create_task(self._write(call))
                    await self._read(call)
                    writing.cancel()
                self._open("stream")
                await asyncio.sleep(next(self._waits))
        finally:
            self._detach("stopping")

    async def _read(self, call: Stream) -> None:
        try:
            while isinstance(response := await call.read(), pb.StreamChecksResponse):
                self._take(response)
        except grpc.aio.AioRpcError as error:
            log.warning("the stream of limits broke", code=error.code().name, details=error.details())

    def _take(self, response: pb.StreamChecksResponse) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        if self._probing is not None and self._probing[0] == response.batch_id:
            self._probing[1].set_result(not response.HasField("failure"))
            self._probing = None
        elif response.HasField("failure"):
            self._take_failure(response.batch_id, response.failure)
        elif self._pump.settle(response.batch_id, response.decisions, response.undecided):
            self.batches += 1
        if self._pump.ready:
            self._wake.set()

    def _take_failure(self, batch_id: int, failure: pb.BatchFailure) -> None:
        reason = _FAILURES.get(failure.reason, "counters")
        if not self._pump.lose(batch_id, reason):
            return  # late: it was given up already
        if reason == "rejected":
            log.error("ratelimitsvc rejected a batch", detail=failure.detail)
        else:
            self._open(reason)

    async def _write(self, call: Stream) -> None:
        try:
            await self._probe(call)
            while True:
                await self._wake.wait()
                self._wake.clear()
                if self._away is not None:
                    await asyncio.sleep(next(self._waits))
                    await self._probe(call)
                while self._pump.ready and self._away is None:
                    message = self._pump.next_batch()
                    self._expect_answer()
                    await call.write(message)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return  # the stream has ended; the reading side tells why

    # -- breaker -----------------------------------------------------------------------------------------------

    async def _probe(self, call: Stream) -> None:
        """Asks until an answer comes in time, which closes the breaker. One probe is under way at a time."""
        loop = asyncio.get_running_loop()
        while True:
            self._probing = (self._pump.new_id(), loop.create_future())
            batch_id, answered = self._probing
            await call.write(pb.StreamChecksRequest(batch_id=batch_id, checks=[_PROBE]).SerializeToString())
            sent_at = loop.time()
            if await answered and loop.time() - sent_at <= self._silence_seconds:
                break
            await asyncio.sleep(next(self._waits))
        self._away = None
        self._closed_at = loop.time()
        self.closed.set()
        log.info("limits are shared")

    def _open(self, reason: str) -> None:
        if self._away is None:
            log.warning("limits are decided in this worker alone", reason=reason)
            self.opened[reason] = self.opened.get(reason, 0) + 1
            if asyncio.get_running_loop().time() - self._closed_at >= _HEALTHY_SECONDS:
                self._waits = delays(self._unit, scale=_BACKOFF_SCALE)
        self._detach(reason)

    def _detach(self, reason: str) -> None:
        """Has everything decided in this worker from now on, what waits or is under way included."""
        self._away = reason
        self.closed.clear()
        self._pump.lose_all(reason)
        self._wake.set()

    def _expect_answer(self) -> None:
        """A batch goes out: looks for silence from now on, unless somebody is looking already."""
        loop = asyncio.get_running_loop()
        if self._pump.in_flight == 1:
            self._heard_at = loop.time()
        if self._look is None:
            self._look_at(self._heard_at + self._silence_seconds)

    def _look_at(self, when: float) -> None:
        self._look = asyncio.get_running_loop().call_at(when, self._look_for_silence, when)

    def _look_for_silence(self, due: float) -> None:
        self._look = None
        if not self._pump.in_flight:
            return
        now = asyncio.get_running_loop().time()
        if now - due > _STALL_SECONDS:
            self._heard_at = max(self._heard_at, now - self._silence_seconds + _STALL_SECONDS)
        if now - self._heard_at >= self._silence_seconds:
            self._open("silence")
        else:
            self._look_at(self._heard_at + self._silence_seconds)
