"""Checks as the contract has them, decided: through the gate, packed, at the counters, unpacked. For every rpc that
asks for decisions.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeAlias

from penstock.errors.v1 import error_reason_pb2 as reasons
from penstock.ratelimit.v1 import limit_pb2
from penstock.ratelimit.v1 import rate_limit_service_pb2 as pb

from ratelimitsvc.batch import Checks, Layout, add_decisions, counter_keys, packed, packed_refund
from ratelimitsvc.cluster import ClusterCounters
from ratelimitsvc.counters import Counters, CountersAway
from ratelimitsvc.gate import Gate
from ratelimitsvc.metrics import LimitMetrics
from svckit.errors import Fault

Response: TypeAlias = pb.CheckBatchResponse | pb.StreamChecksResponse


class Decider:
    """Decides on `counters`, which are kept as `layout` says, as many batches at a time as pass the `gate`.

    Faults of all methods: BAD_REQUEST, LIMIT_UNAVAILABLE. What fails is counted by its reason.
    """

    def __init__(self, counters: Counters | ClusterCounters, layout: Layout, gate: Gate, metrics: LimitMetrics) -> None:
        self._counters: Final = counters
        self._layout: Final = layout
        self._gate: Final = gate
        self._metrics: Final = metrics

    def deadline(self, budget_millis: int = 0) -> float:
        """As `Gate.deadline`."""
        return self._gate.deadline(budget_millis)

    async def decide(self, checks: Checks, response: Response, deadline: float) -> int:
        """Adds the decisions on `checks` to the response; how many were admitted.

        Fault OVERLOADED besides, if their turn has not come before the deadline. After a fault nothing is added.
        """
        with self._failing():
            return add_decisions(await self._answer(checks, deadline), response)

    async def decide_all(self, checks: Sequence[limit_pb2.Check]) -> Sequence[limit_pb2.Decision]:
        """The decisions on `checks`; LIMIT_UNAVAILABLE as well when only some of them could be decided."""
        response = pb.CheckBatchResponse()
        with self._failing():
            add_decisions(await self._answer(checks, self.deadline()), response)
            return _whole(response)

    async def _answer(self, checks: Checks, deadline: float) -> bytes:
        if not await self._gate.enter(deadline):
            self._metrics.shed(len(checks))
            raise Fault(reasons.ERROR_REASON_OVERLOADED, "the checks waited too long for their turn")
        try:
            return await self._counters.decide(packed(checks, self._layout))
        finally:
            self._gate.leave()

    async def refund(self, check: limit_pb2.Check) -> limit_pb2.Decision:
        """Gives the units of a check back; how things stand then."""
        response = pb.CheckBatchResponse()
        with self._failing():
            add_decisions(await self._counters.decide(packed_refund(check, self._layout)), response)
            return _whole(response)[0]

    async def drop(self, limits: Sequence[limit_pb2.Limit]) -> None:
        """Forgets what the limits' counters have counted."""
        with self._failing():
            await self._counters.drop(counter_keys(limits, self._layout))

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except Fault as fault:
            self._metrics.failed(fault.spec.name)
            raise
        except CountersAway as error:
            self._metrics.failed("LIMIT_UNAVAILABLE")
            raise Fault(reasons.ERROR_REASON_LIMIT_UNAVAILABLE) from error


def _whole(response: pb.CheckBatchResponse) -> Sequence[limit_pb2.Decision]:
    """All decisions of a response; CountersAway when one is missing."""
    if response.undecided:
        raise CountersAway("a node of the cluster is out of reach")
    return response.decisions
