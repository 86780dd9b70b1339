"""The rpcs of ConcurrencyService: slots leased, renewed and released."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import grpc
from penstock.errors.v1 import error_reason_pb2 as reasons
from penstock.ratelimit.v1 import concurrency_service_pb2 as pb
from penstock.ratelimit.v1 import concurrency_service_pb2_grpc as pb_grpc

from ratelimitsvc.cluster import ClusterSlots
from ratelimitsvc.counters import CountersAway, Slots
from ratelimitsvc.leases import acquisition, packed_acquire, packed_release, packed_renew, was_held
from ratelimitsvc.metrics import LimitMetrics
from svckit.errors import Fault

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class ConcurrencyServicer(pb_grpc.ConcurrencyServiceServicer):
    """Leases `slots`. `new_id` makes a lease's id, 16 octets that nobody can guess."""

    def __init__(self, slots: Slots | ClusterSlots, metrics: LimitMetrics, new_id: Callable[[], bytes]) -> None:
        self._slots = slots
        self._metrics = metrics
        self._new_id = new_id

    async def AcquireLease(self, request: pb.AcquireLeaseRequest, _context: Context) -> pb.AcquireLeaseResponse:
        """Takes slots, or says when there may be some."""
        lease_id = self._new_id()
        call = packed_acquire(request, lease_id)
        with _away():
            response = acquisition(await self._slots.run(call), lease_id)
        self._metrics.leased(granted=bool(response.lease_id))
        return response

    async def RenewLease(self, request: pb.RenewLeaseRequest, _context: Context) -> pb.RenewLeaseResponse:
        """Has a lease go on."""
        call = packed_renew(request)
        with _away():
            return pb.RenewLeaseResponse(held=was_held(await self._slots.run(call)))

    async def ReleaseLease(self, request: pb.ReleaseLeaseRequest, _context: Context) -> pb.ReleaseLeaseResponse:
        """Gives slots back."""
        call = packed_release(request)
        with _away():
            return pb.ReleaseLeaseResponse(held=was_held(await self._slots.run(call)))


@contextmanager
def _away() -> Iterator[None]:
    try:
        yield
    except CountersAway as error:
        raise Fault(reasons.ERROR_REASON_LIMIT_UNAVAILABLE) from error
