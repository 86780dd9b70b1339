"""The rpcs of RateLimitService: one decision, a batch, and the stream that a busy edge keeps open."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final, TypeAlias

import grpc
from penstock.ratelimit.v1 import rate_limit_service_pb2 as pb
from penstock.ratelimit.v1 import rate_limit_service_pb2_grpc as pb_grpc

from ratelimitsvc.batch import Checks, Layout
from ratelimitsvc.decider import Decider
from ratelimitsvc.metrics import LimitMetrics
from ratelimitsvc.wire import RequestReader, StreamedChecks
from svckit.drain import Drain
from svckit.errors import Fault

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

SERVICE: Final = "penstock.ratelimit.v1.RateLimitService"
# Batches of one stream in work at a time; what comes beyond waits in the transport, which slows its sender down.
MAX_IN_FLIGHT: Final = 64


def add_to_server(servicer: "RateLimitServicer", server: Any, *, layout: Layout) -> None:
    """What the generated function does, but the requests of streams come packed."""
    pb_grpc.add_RateLimitServiceServicer_to_server(servicer, server)
    streamed = grpc.stream_stream_rpc_method_handler(
        servicer.StreamChecks,
        request_deserializer=RequestReader(layout),
        response_serializer=pb.StreamChecksResponse.SerializeToString,
    )
    server.add_registered_method_handlers(SERVICE, {"StreamChecks": streamed})


class RateLimitServicer(pb_grpc.RateLimitServiceServicer):
    """Streams end themselves when the drain starts, after the batches they have read."""

    def __init__(self, decider: Decider, metrics: LimitMetrics, drain: Drain) -> None:
        self._decider = decider
        self._metrics = metrics
        self._drain = drain

    async def Check(self, request: pb.CheckRequest, _context: Context) -> pb.CheckResponse:
        """Decides one request."""
        (decision,) = await self._decider.decide_all([request.check])
        self._metrics.decided(1, int(decision.allowed))
        return pb.CheckResponse(decision=decision)

    async def CheckBatch(self, request: pb.CheckBatchRequest, _context: Context) -> pb.CheckBatchResponse:
        """Decides several requests in order."""
        answer = pb.CheckBatchResponse()
        await self._decide(request.checks, answer, self._decider.deadline())
        return answer

    async def Refund(self, request: pb.RefundRequest, _context: Context) -> pb.RefundResponse:
        """Gives a request's units back."""
        return pb.RefundResponse(decision=await self._decider.refund(request.check))

    async def Reset(self, request: pb.ResetRequest, _context: Context) -> pb.ResetResponse:
        """Drops counters."""
        await self._decider.drop(request.limits)
        return pb.ResetResponse()

    async def StreamChecks(  # type: ignore[override]  # the stub knows generators only; answers overtake each other
        self, requests: AsyncIterator[StreamedChecks], context: Context
    ) -> None:
        """Decides batches as they come; a failed one is answered as such, and the stream goes on."""
        room = asyncio.Semaphore(MAX_IN_FLIGHT)
        # A call takes one message at a time (grpc.aio: "too many operations").
        turn = asyncio.Lock()

        async def answer(request: StreamedChecks, deadline: float) -> None:
            try:
                response = await self._stream_answer(request, deadline)
                async with turn:
                    await context.write(response)
            finally:
                room.release()

        async def read(batches: asyncio.TaskGroup) -> None:
            await room.acquire()  # before the read: what was read is answered, whenever the drain starts
            async for request in requests:
                batches.create_task(answer(request, self._decider.deadline(request.budget_millis)))
                await room.acquire()

        async with asyncio.TaskGroup() as batches:
            await self._drain.unless_started(read(batches))

    async def _stream_answer(self, request: StreamedChecks, deadline: float) -> pb.StreamChecksResponse:
        response = pb.StreamChecksResponse(batch_id=request.batch_id)
        try:
            await self._decide(request.checks, response, deadline)
        except Fault as fault:
            detail = "; ".join((fault.detail, *(f"{each.path} {each.message}" for each in fault.fields)))
            response.failure.CopyFrom(pb.BatchFailure(reason=fault.spec.name, detail=detail))
        return response

    async def _decide(
        self,
        checks: Checks,
        response: pb.CheckBatchResponse | pb.StreamChecksResponse,
        deadline: float,
    ) -> None:
        admitted = await self._decider.decide(checks, response, deadline)
        self._metrics.decided(len(checks), admitted, len(response.undecided))
