"""Requests that wait for a decision, gathered into batches; batches in flight; how long nothing has come.

Holds no stream and no clock: the limiter writes what `next_batch` gives, hands over what it reads, and asks for
silence. What is decided reaches a request through its future: a Decision of the contract, or a Lost.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from penstock.ratelimit.v1 import limit_pb2 as pb

from edge.limits import wire
from edge.limits.policy import LimitSet

MAX_CHECKS = 128
"""Of one message: about 1 ms of Redis (and of the contract)."""
MAX_IN_FLIGHT = 2
"""Messages under way. Further requests wait here, so that batches grow exactly as load does; with four of them each
side had an eighth more to do for a decision."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Stands for a decision that will not come; `reason` is a label of the fail-open counter."""

    reason: str


Outcome = pb.Decision | Lost
Waiting = tuple["asyncio.Future[Outcome]", LimitSet, int]


class Pump:
    """What is waiting and what is under way. Batch ids are positive and never used twice."""

    def __init__(self) -> None:
        self._waiting: deque[Waiting] = deque()
        self._in_flight: dict[int, Sequence[Waiting]] = {}
        self._last_id = 0

    def add(self, future: "asyncio.Future[Outcome]", limits: LimitSet, cost: int) -> None:
        """Puts a request into the next batch."""
        self._waiting.append((future, limits, cost))

    @property
    def in_flight(self) -> int:
        """Batches under way."""
        return len(self._in_flight)

    @property
    def ready(self) -> bool:
        """Whether a batch can go now."""
        return bool(self._waiting) and len(self._in_flight) < MAX_IN_FLIGHT

    def new_id(self) -> int:
        """An id for a batch."""
        self._last_id += 1
        return self._last_id

    def next_batch(self) -> bytes:
        """The bytes of a batch of what has waited longest; it is under way from now on."""
        waiting = self._waiting
        if len(waiting) <= MAX_CHECKS:
            batch: Sequence[Waiting] = tuple(waiting)
            waiting.clear()
        else:
            batch = tuple(islice(waiting, MAX_CHECKS))
            for _ in batch:
                waiting.popleft()
        batch_id = self.new_id()
        self._in_flight[batch_id] = batch
        return wire.request(batch_id, [limits.check_entry(cost) for _, limits, cost in batch])

    def settle(self, batch_id: int, decisions: Sequence[pb.Decision], undecided: Iterable[int] = ()) -> bool:
        """Hands out the decisions of a batch, one per check, except those that are `undecided`.

        False when it is not under way any more (a late answer), or when their number is another and it is given up.
        """
        batch = self._in_flight.pop(batch_id, None)
        if batch is None:
            return False
        if len(decisions) != len(batch):
            _give_up(batch, "rejected")
            return False
        if undecided:
            _give_up((batch[place] for place in undecided if place < len(batch)), "counters")
        for (future, _, _), decision in zip(batch, decisions, strict=True):
            if not future.done():  # else its request has ended
                future.set_result(decision)
        return True

    def lose(self, batch_id: int, reason: str) -> bool:
        """Gives one batch up; False when it is not under way any more."""
        batch = self._in_flight.pop(batch_id, None)
        if batch is None:
            return False
        _give_up(batch, reason)
        return True

    def lose_all(self, reason: str) -> None:
        """Gives up everything that waits or is under way."""
        batches, self._in_flight = self._in_flight, {}
        waiting, self._waiting = self._waiting, deque()
        for batch in batches.values():
            _give_up(batch, reason)
        _give_up(waiting, reason)


def _give_up(waiting: Iterable[Waiting], reason: str) -> None:
    lost = Lost(reason)
    for future, _, _ in waiting:
        if not future.done():
            future.set_result(lost)
