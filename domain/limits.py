"""The reference model of the limit algorithms: a sliding window, exact or by sub-windows, and a token bucket (GCRA).

States are values: `decide` takes them and returns new ones. Times are whole microseconds of any clock; ratelimitsvc
keeps the same states in Redis and is held equal to this model by property tests.
"""

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TypeAlias

_COMPACT_AFTER = 1024
SUB_WINDOWS = 60
"""Into so many parts a window is cut where its units are not counted one by one."""


class Algorithm(Enum):
    """How admitted requests are counted; the number is penstock.ratelimit.v1.Algorithm's."""

    SLIDING_WINDOW = 1
    TOKEN_BUCKET = 2


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `limit` units per `window_micros` on the counter named `key`; a shadow is tried and not enforced."""

    key: bytes
    limit: int
    window_micros: int
    algorithm: Algorithm = Algorithm.SLIDING_WINDOW
    shadow: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a request was admitted, in terms of the limit that binds (index `binding`).

    That is the refusing one with the longest wait, or of admitting ones the one with the least remaining; of
    equals the first. A shadow limit binds only where there is no other. `reset_micros` is the time until more units
    fit than now, 0 for an empty counter; `retry_after_micros` the exact time until this cost fits, 0 when it was
    admitted. `shadow_refused` are the indexes of the shadow limits that had no room for it. `error` is by how many
    units at most the binding counter is above what is in the window.
    """

    allowed: bool
    binding: int
    remaining: int
    reset_micros: int
    retry_after_micros: int
    shadow_refused: tuple[int, ...] = ()
    error: int = 0


@dataclass(frozen=True, slots=True)
class WindowLog:
    """The admitted units of one counter: one time each, oldest first, `times[start:end]`.

    Times are on the counter's own clock, which is the caller's plus `skew`: it stands while the caller's steps
    back, and goes on from there. `times` is shared with earlier states, which do not see beyond their `end`.
    """

    times: "array[int]" = field(default_factory=lambda: array("q"))
    start: int = 0
    end: int = 0
    skew: int = 0

    def steadied(self, now: int) -> "WindowLog":
        """The log with a clock that does not run behind its newest entry."""
        if self.end > self.start and self.times[self.end - 1] > now + self.skew:
            return replace(self, skew=self.times[self.end - 1] - now)
        return self

    def aged(self, limit: Limit, now: int) -> "WindowLog":
        """The log without what has left the window; a unit of time s is in it while s > now - window."""
        start = bisect_right(self.times, now + self.skew - limit.window_micros, self.start, self.end)
        return self if start == self.start else WindowLog(self.times, start, self.end, self.skew)

    def wait(self, limit: Limit, cost: int, now: int) -> int:
        """Microseconds until `cost` units fit."""
        excess = self.end - self.start + cost - limit.limit
        return 0 if excess <= 0 else self._leaves(excess - 1, limit, now)

    def counted(self, _limit: Limit, cost: int, now: int) -> "WindowLog":
        """The log with `cost` more units at `now`."""
        times, start, end = self.times, self.start, self.end
        if end != len(times) or start >= max(_COMPACT_AFTER, end // 2):
            times, start, end = times[start:end], 0, end - start
        times.extend([now + self.skew] * cost)
        return WindowLog(times, start, end + cost, self.skew)

    def refunded(self, limit: Limit, cost: int, now: int) -> "WindowLog":
        """The log without the newest `cost` units of the window, or as many as there are."""
        view = self.aged(limit, now)
        return self if view.start == view.end else replace(view, end=max(view.start, view.end - cost))

    def remaining(self, limit: Limit) -> int:
        """How many units fit now."""
        return max(0, limit.limit - (self.end - self.start))

    def reset(self, limit: Limit, now: int) -> int:
        """Microseconds until more units fit than now; 0 when there are none."""
        live = self.end - self.start
        return 0 if live == 0 else self._leaves(max(0, live - limit.limit), limit, now)

    def error(self, _limit: Limit, _now: int) -> int:
        """None: the log is exact."""
        return 0

    def _leaves(self, index: int, limit: Limit, now: int) -> int:
        return self.times[self.start + index] + limit.window_micros - now - self.skew


@dataclass(frozen=True, slots=True)
class Run:
    """Units that were admitted from `first` to `last`."""

    first: int
    last: int
    units: int


@dataclass(frozen=True, slots=True)
class SubWindows:
    """The admitted units of one counter by sub-windows, oldest first: a few numbers, however many units.

    A run takes in what is admitted within a `SUB_WINDOWS`-th of the window from its first unit on, and all of it leaves
    the window with its last. So there are never more units than the limit in any window; what is counted too long is
    in the oldest run alone. Times are on the counter's own clock, as a WindowLog's are.
    """

    runs: tuple[Run, ...] = ()
    skew: int = 0

    @property
    def units(self) -> int:
        """All that is counted."""
        return sum(run.units for run in self.runs)

    def steadied(self, now: int) -> "SubWindows":
        """The counter with a clock that does not run behind its newest unit."""
        if self.runs and self.runs[-1].last > now + self.skew:
            return replace(self, skew=self.runs[-1].last - now)
        return self

    def aged(self, limit: Limit, now: int) -> "SubWindows":
        """The counter without the runs that have left the window."""
        bound = now + self.skew - limit.window_micros
        return replace(self, runs=tuple(run for run in self.runs if run.last > bound))

    def wait(self, limit: Limit, cost: int, now: int) -> int:
        """Microseconds until `cost` units fit."""
        excess = self.units + cost - limit.limit
        return 0 if excess <= 0 else self._leave(excess, limit, now)

    def counted(self, limit: Limit, cost: int, now: int) -> "SubWindows":
        """The counter with `cost` more units at `now`."""
        time = now + self.skew
        if self.runs and (time - self.runs[-1].first) * SUB_WINDOWS < limit.window_micros:
            newest = self.runs[-1]
            return replace(self, runs=(*self.runs[:-1], Run(newest.first, time, newest.units + cost)))
        return replace(self, runs=(*self.runs, Run(time, time, cost)))

    def refunded(self, limit: Limit, cost: int, now: int) -> "SubWindows":
        """The counter without its newest `cost` units, or as many as there are."""
        runs = [*self.aged(limit, now).runs]
        if not runs:
            return self
        while runs and cost:
            newest = runs.pop()
            if newest.units > cost:
                runs.append(replace(newest, units=newest.units - cost))
            cost -= min(cost, newest.units)
        return replace(self, runs=tuple(runs))

    def remaining(self, limit: Limit) -> int:
        """How many units fit now."""
        return max(0, limit.limit - self.units)

    def reset(self, limit: Limit, now: int) -> int:
        """Microseconds until more units fit than now; 0 when there are none."""
        return self._leave(max(0, self.units - limit.limit) + 1, limit, now) if self.runs else 0

    def error(self, limit: Limit, now: int) -> int:
        """How many of the units may have left the window: those of the oldest run, if its first has."""
        bound = now + self.skew - limit.window_micros
        return self.runs[0].units if self.runs and self.runs[0].first <= bound else 0

    def _leave(self, units: int, limit: Limit, now: int) -> int:
        left = 0
        for run in self.runs:
            left += run.units
            if left >= units:
                break
        return run.last + limit.window_micros - now - self.skew


@dataclass(frozen=True, slots=True)
class Bucket:
    """A token bucket as the debt that is still to be refilled, at time `at`.

    Debt is counted in units × window (µs), of which `limit` are refilled per microsecond: whole numbers, no
    rounding. `window` is the one that the debt was counted in.
    """

    at: int = 0
    debt: int = 0
    window: int = 0

    def steadied(self, now: int) -> "Bucket":
        """The bucket with a clock that does not run behind."""
        return replace(self, at=now) if self.at > now else self

    def aged(self, limit: Limit, now: int) -> "Bucket":
        """The bucket as refilled until `now`; under a new window, what is owed counts in whole units."""
        debt = self.debt
        if debt and self.window != limit.window_micros:
            debt = -(-debt // self.window) * limit.window_micros
        return Bucket(now, max(0, debt - (now - self.at) * limit.limit), limit.window_micros)

    def wait(self, limit: Limit, cost: int, _now: int) -> int:
        """Microseconds until `cost` units fit."""
        excess = self.debt + (cost - limit.limit) * limit.window_micros
        return 0 if excess <= 0 else -(-excess // limit.limit)

    def counted(self, limit: Limit, cost: int, _now: int) -> "Bucket":
        """The bucket owing `cost` units more."""
        return replace(self, debt=self.debt + cost * limit.window_micros)

    def refunded(self, limit: Limit, cost: int, now: int) -> "Bucket":
        """The bucket owing `cost` units less, or nothing."""
        view = self.aged(limit, now)
        return replace(view, debt=max(0, view.debt - cost * limit.window_micros))

    def remaining(self, limit: Limit) -> int:
        """How many units fit now."""
        return max(0, limit.limit - -(-self.debt // limit.window_micros))

    def reset(self, limit: Limit, _now: int) -> int:
        """Microseconds until more units fit than now; 0 when nothing is owed."""
        if self.debt == 0:
            return 0
        excess = self.debt - (limit.limit - self.remaining(limit) - 1) * limit.window_micros
        return -(-excess // limit.limit)

    def error(self, _limit: Limit, _now: int) -> int:
        """None: the debt is exact."""
        return 0


State: TypeAlias = WindowLog | SubWindows | Bucket


def empty(algorithm: Algorithm) -> State:
    """The state of a counter on which nothing was admitted yet."""
    return WindowLog() if algorithm is Algorithm.SLIDING_WINDOW else Bucket()


def decide(
    states: Sequence[State], limits: Sequence[Limit], cost: int, now_micros: int
) -> tuple[Decision, tuple[State, ...]]:
    """Decides a request of `cost` units against all `limits` (distinct keys), of which `states` are the counters.

    All or nothing: it is counted in every one or in none. Shadow limits refuse nothing; each is counted as if it
    were enforced beside those that are. Cost 0 asks without counting. A clock that steps back never admits more:
    each counter goes on from the latest time that it has seen. ValueError when the cost exceeds a limit that is
    enforced, as it would never fit.
    """
    enforced = [index for index, limit in enumerate(limits) if not limit.shadow]
    if any(cost > limits[index].limit for index in enforced):
        raise ValueError("a cost above a limit never fits")
    states = tuple(state.steadied(now_micros) for state in states)
    views = [state.aged(limit, now_micros) for state, limit in zip(states, limits, strict=True)]
    waits = {index: views[index].wait(limits[index], cost, now_micros) for index in enforced}
    wait = max(waits.values(), default=0)
    shadow_refused = tuple(
        index
        for index, (view, limit) in enumerate(zip(views, limits, strict=True))
        if limit.shadow and (cost > limit.limit or view.wait(limit, cost, now_micros) > 0)
    )
    if wait == 0 and cost:
        counting = [index for index in range(len(limits)) if index not in shadow_refused]
        for index in counting:
            views[index] = views[index].counted(limits[index], cost, now_micros)
        states = tuple(views[index] if index in counting else state for index, state in enumerate(states))
    remaining = [view.remaining(limit) for view, limit in zip(views, limits, strict=True)]
    if wait:
        binding = max(enforced, key=waits.__getitem__)
    else:
        binding = min(enforced or range(len(limits)), key=remaining.__getitem__)
    reset = views[binding].reset(limits[binding], now_micros)
    error = views[binding].error(limits[binding], now_micros)
    return Decision(wait == 0, binding, remaining[binding], reset, wait, shadow_refused, error), states


def refund(
    states: Sequence[State], limits: Sequence[Limit], cost: int, now_micros: int
) -> tuple[Decision, tuple[State, ...]]:
    """Gives `cost` units back on each of `limits`, never below nothing; decides what cost 0 would be told then."""
    refunded = [
        state.steadied(now_micros).refunded(limit, cost, now_micros)
        for state, limit in zip(states, limits, strict=True)
    ]
    return decide(refunded, limits, 0, now_micros)
