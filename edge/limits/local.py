"""Exact windows of this worker alone, for the time in which the shared counters are out of reach.

The full limit holds in each worker, so an outage admits at most workers × limit. The number of counters is bounded:
when there are as many, callers without one share a counter, so that an address flood neither fills the memory nor
pushes out the counters of others. Authenticated and anonymous callers do not take each other's places.
"""

from collections.abc import Callable
from dataclasses import replace

from domain.limits import Limit, State, decide, empty
from edge.limits.decision import Decision, Source
from edge.limits.policy import LimitSet

MAX_COUNTERS = 10_000
# Counters looked at for an expired one when there is no place: the oldest, as a rule.
_EXAMINED = 8


class LocalWindows:
    """Decides by the reference model. `clock` gives microseconds and never steps back."""

    def __init__(self, clock: Callable[[], int], max_counters: int = MAX_COUNTERS) -> None:
        self._clock = clock
        self._known = _Table(max_counters)
        self._tables = {False: self._known, True: _Table(max_counters)}

    def decide(self, limits: LimitSet, cost: int) -> Decision:
        """Decides as the shared counters would if this worker were the only one."""
        now = self._clock()
        own = self._tables[limits.plan.crowd is not None]
        # The second limit is the tenant's aggregate, which its callers share whoever they are.
        placed = [
            (table, table.placed(limit, now)) for table, limit in zip((own, self._known), limits.limits, strict=False)
        ]
        decision, states = decide(
            [table.state(limit) for table, limit in placed], [limit for _, limit in placed], cost, now
        )
        if decision.allowed:
            for (table, limit), state in zip(placed, states, strict=True):
                table.keep(limit, state, now)
        return Decision(
            decision.allowed,
            decision.binding,
            decision.remaining,
            -(-decision.reset_micros // 1000),
            -(-decision.retry_after_micros // 1000),
            Source.LOCAL,
            limits,
        )


class _Table:
    """Counters by name, the longest unused first, each with the time at which it is empty again."""

    def __init__(self, max_counters: int) -> None:
        self._max_counters = max_counters
        self._counters: dict[tuple[bytes, int], tuple[int, State]] = {}

    def placed(self, limit: Limit, now: int) -> Limit:
        """The limit on its own counter, or on the shared one of its kind when there is no place."""
        if (limit.key, limit.algorithm.value) in self._counters or len(self._counters) < self._max_counters:
            return limit
        for name in [name for name, _ in zip(self._counters, range(_EXAMINED), strict=False)]:
            if self._counters[name][0] <= now:
                del self._counters[name]
        if len(self._counters) < self._max_counters:
            return limit
        return replace(limit, key=b"*:%d:%d" % (limit.limit, limit.window_micros))

    def state(self, limit: Limit) -> State:
        kept = self._counters.get((limit.key, limit.algorithm.value))
        return empty(limit.algorithm) if kept is None else kept[1]

    def keep(self, limit: Limit, state: State, now: int) -> None:
        name = (limit.key, limit.algorithm.value)
        self._counters.pop(name, None)
        self._counters[name] = (now + limit.window_micros, state)
