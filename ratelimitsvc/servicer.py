"""The rpcs of RateLimitService: one decision, a batch, and the stream that a busy edge keeps open."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

import grpc
from penstock.errors.v1 import error_reason_pb2 as reasons
from penstock.ratelimit.v1 import rate_limit_service_pb2 as pb
from penstock.ratelimit.v1 import rate_limit_service_pb2_grpc as pb_grpc

from ratelimitsvc.batch import Layout, add_decisions, counter_keys, packed, packed_refund
from ratelimitsvc.counters import Counters, CountersAway
from ratelimitsvc.gate import Gate
from ratelimitsvc.metrics import LimitMetrics
from svckit.drain import Drain
from svckit.errors import Fault

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

# Batches of one stream in work at a time; what comes beyond waits in the transport, which slows its sender down.
MAX_IN_FLIGHT: Final = 64


class RateLimitServicer(pb_grpc.RateLimitServiceServicer):
    """Decides on `counters`, which are kept as `layout` says, as many batches at a time as pass the `gate`.

    Streams end themselves when the drain starts, after the batches they have read.
    """

    def __init__(self, counters: Counters, layout: Layout, gate: Gate, metrics: LimitMetrics, drain: Drain) -> None:
        self._counters = counters
        self._gate = gate
        self._layout = layout
        self._metrics = metrics
        self._drain = drain

    async def Check(self, request: pb.CheckRequest, _context: Context) -> pb.CheckResponse:
        """Decides one request."""
        answer = pb.CheckBatchResponse()
        await self._decide([request.check], answer, self._gate.deadline())
        return pb.CheckResponse(decision=answer.decisions[0])

    async def CheckBatch(self, request: pb.CheckBatchRequest, _context: Context) -> pb.CheckBatchResponse:
        """Decides several requests in order."""
        answer = pb.CheckBatchResponse()
        await self._decide(request.checks, answer, self._gate.deadline())
        return answer

    async def Refund(self, request: pb.RefundRequest, _context: Context) -> pb.RefundResponse:
        """Gives a request's units back."""
        answer = pb.CheckBatchResponse()
        with self._failing():
            add_decisions(await self._counters.decide(packed_refund(request.check, self._layout)), answer)
        return pb.RefundResponse(decision=answer.decisions[0])

    async def Reset(self, request: pb.ResetRequest, _context: Context) -> pb.ResetResponse:
        """Drops counters."""
        with self._failing():
            await self._counters.drop(counter_keys(request.limits, self._layout))
        return pb.ResetResponse()

    async def StreamChecks(  # type: ignore[override]  # the stub knows generators only; answers overtake each other
        self, requests: AsyncIterator[pb.StreamChecksRequest], context: Context
    ) -> None:
        """Decides batches as they come; a failed one is answered as such, and the stream goes on."""
        room = asyncio.Semaphore(MAX_IN_FLIGHT)
        # A call takes one message at a time (grpc.aio: "too many operations").
        turn = asyncio.Lock()

        async def answer(request: pb.StreamChecksRequest, deadline: float) -> None:
            try:
                response = await self._stream_answer(request, deadline)
                async with turn:
                    await context.write(response)
            finally:
                room.release()

        async with asyncio.TaskGroup() as batches:
            async for request in self._drain.until(requests):
                deadline = self._gate.deadline(request.budget_millis)
                await room.acquire()
                batches.create_task(answer(request, deadline))

    async def _stream_answer(self, request: pb.StreamChecksRequest, deadline: float) -> pb.StreamChecksResponse:
        response = pb.StreamChecksResponse(batch_id=request.batch_id)
        try:
            await self._decide(request.checks, response, deadline)
        except Fault as fault:
            detail = "; ".join((fault.detail, *(f"{each.path} {each.message}" for each in fault.fields)))
            response.failure.CopyFrom(pb.BatchFailure(reason=fault.spec.name, detail=detail))
        return response

    async def _decide(
        self, checks: Any, response: pb.CheckBatchResponse | pb.StreamChecksResponse, deadline: float
    ) -> None:
        """Decides `checks` into `response`.

        Fault BAD_REQUEST, LIMIT_UNAVAILABLE or, if its turn has not come before the deadline, OVERLOADED, with nothing
        added to it.
        """
        with self._failing():
            if not await self._gate.enter(deadline):
                self._metrics.shed(len(checks))
                raise Fault(reasons.ERROR_REASON_OVERLOADED, "the checks waited too long for their turn")
            try:
                batch = packed(checks, self._layout)
                answer = await self._counters.decide(batch)
            finally:
                self._gate.leave()
        self._metrics.decided(batch.checks, add_decisions(answer, response))

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Counts what fails by its reason; counters out of reach are LIMIT_UNAVAILABLE."""
        try:
            yield
        except Fault as fault:
            self._metrics.failed(fault.spec.name)
            raise
        except CountersAway as error:
            self._metrics.failed("LIMIT_UNAVAILABLE")
            raise Fault(reasons.ERROR_REASON_LIMIT_UNAVAILABLE) from error
