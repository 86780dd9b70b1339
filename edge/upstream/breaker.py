"""The life of one target: in use, stopped by its breaker, on trial, or found unhealthy by checks. Pure.

One table says what becomes of it; everything else here counts, until there is an event for the table.

    CLOSED ──failures in a row──▶ OPEN ──time──▶ HALF_OPEN ──trial succeeds──▶ CLOSED
                                   ▲──trial fails──┘
    any ──checks fail──▶ UNHEALTHY ──checks pass──▶ CLOSED
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from math import inf
from typing import Final

from penstock.errors.v1 import error_reason_pb2 as reasons

from edge.resilience import Breaker, HealthCheck


class State(Enum):
    """Whether a target is sent requests: CLOSED all that are its share, HALF_OPEN one at a time, the others none."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    UNHEALTHY = "unhealthy"


class Event(Enum):
    """What can change a target's state."""

    TRIPPED = "so many failures in a row"
    WAITED = "its time is over"
    TRIAL_SUCCEEDED = "the trial succeeded"
    TRIAL_FAILED = "the trial failed"
    CHECKS_FAILED = "checks fail"
    CHECKS_PASSED = "checks pass"
    BREAKER_REMOVED = "the config has no breaker any more"
    CHECKS_REMOVED = "the config has no checks any more"


TRANSITIONS: Final[Mapping[tuple[State, Event], State]] = {
    (State.CLOSED, Event.TRIPPED): State.OPEN,
    (State.CLOSED, Event.CHECKS_FAILED): State.UNHEALTHY,
    (State.OPEN, Event.WAITED): State.HALF_OPEN,
    (State.OPEN, Event.CHECKS_FAILED): State.UNHEALTHY,
    (State.OPEN, Event.BREAKER_REMOVED): State.CLOSED,
    (State.HALF_OPEN, Event.TRIAL_SUCCEEDED): State.CLOSED,
    (State.HALF_OPEN, Event.TRIAL_FAILED): State.OPEN,
    (State.HALF_OPEN, Event.CHECKS_FAILED): State.UNHEALTHY,
    (State.HALF_OPEN, Event.BREAKER_REMOVED): State.CLOSED,
    (State.UNHEALTHY, Event.CHECKS_PASSED): State.CLOSED,
    (State.UNHEALTHY, Event.CHECKS_REMOVED): State.CLOSED,
}
"""What is not here changes nothing. Checks that pass do not close an open breaker: real requests know better."""


class Verdict(Enum):
    """What a request says of its target. NOTHING: it ended for another cause."""

    SUCCESS = "success"
    FAILURE = "failure"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Condition:
    """How a target is. `failures` in a row; `until` (loop time) an open breaker waits; `since` (loop time) it is in
    this state; `reason` is the last cause of a failure or change. `turn` counts the states that it has been in: what
    a request says of its target counts only in the state that it was sent in."""

    state: State = State.CLOSED
    failures: int = 0
    until: float = inf
    since: float = -inf
    reason: str = ""
    turn: int = 0


NEW: Final = Condition()


def changed(condition: Condition, event: Event, reason: str, breaker: Breaker | None, now: float) -> Condition:
    """The condition after an event."""
    state = TRANSITIONS.get((condition.state, event))
    if state is None:
        return condition
    until = now + breaker.open if state is State.OPEN and breaker is not None else inf
    return Condition(state, 0, until, now, reason, condition.turn + 1)


def judged(condition: Condition, verdict: Verdict, reason: str, breaker: Breaker | None, now: float) -> Condition:
    """The condition after a request that was sent in this very state; `reason` says why it failed."""
    if verdict is Verdict.NOTHING or breaker is None:
        return condition
    if condition.state is State.HALF_OPEN:
        event = Event.TRIAL_SUCCEEDED if verdict is Verdict.SUCCESS else Event.TRIAL_FAILED
        return changed(condition, event, reason, breaker, now)
    if verdict is Verdict.SUCCESS:
        return replace(condition, failures=0) if condition.failures else condition
    failures = condition.failures + 1
    if failures < breaker.failures:
        return replace(condition, failures=failures, reason=reason)
    told = f"{failures} failures in a row, the last: {reason}" if failures > 1 else reason
    return changed(condition, Event.TRIPPED, told, breaker, now)


def waited(condition: Condition, now: float) -> Condition:
    """The condition at `now`: an open breaker whose time is over lets a request try the target."""
    if now < condition.until:
        return condition
    return changed(condition, Event.WAITED, condition.reason, None, now)


@dataclass(frozen=True, slots=True)
class Checked:
    """What the checks of a target have found. `healthy` is None before the first; `in_a_row` counts answers that
    contradict it."""

    healthy: bool | None = None
    in_a_row: int = 0


def checked(before: Checked, passed: bool, rules: HealthCheck) -> Checked:
    """What they have found after one more. The first decides alone; later ones must agree, so many in a row."""
    if before.healthy is None:
        return Checked(passed)
    if passed is before.healthy:
        return Checked(passed)
    in_a_row = before.in_a_row + 1
    needed = rules.healthy_after if passed else rules.unhealthy_after
    return Checked(passed) if in_a_row >= needed else Checked(before.healthy, in_a_row)


def in_use(states: Sequence[State], panic_percent: int) -> tuple[int, ...]:
    """The places of the targets that get requests besides trials.

    When fewer are left than `panic_percent` of them, all are used: what is known of them may be wrong, and the rest
    would break under the load of all (Envoy's panic threshold). An open breaker of an only target holds all the same:
    there is nothing to spread, and answering at once is what it is for.
    """
    closed = tuple(place for place, state in enumerate(states) if state is State.CLOSED)
    if len(closed) * 100 >= panic_percent * len(states):
        return closed
    if len(states) == 1 and states[0] is not State.UNHEALTHY:
        return ()
    return tuple(range(len(states)))


FAILED_STATUSES: Final = frozenset((502, 503, 504))
"""By which a target says that it cannot serve now. A 500 is as often one bad path, by which callers could stop it."""
_CAUSES: Final[Mapping[int, str]] = {
    reasons.ERROR_REASON_DOWNSTREAM_UNREACHABLE: "cannot be reached",
    reasons.ERROR_REASON_DOWNSTREAM_RESET: "closed before its answer was complete",
    reasons.ERROR_REASON_DOWNSTREAM_INVALID: "no valid answer",
    reasons.ERROR_REASON_DOWNSTREAM_TIMEOUT: "no answer in time",
}


def verdict_of(status: int, failure: int | None, *, hurried: bool) -> tuple[Verdict, str]:
    """What an exchange says of its target, and why. `status` is 0 when no head came; `failure` is a reason of the
    catalogue; `hurried`: a caller wanted its answer sooner than the service is given."""
    if failure is not None:
        late = failure == reasons.ERROR_REASON_DOWNSTREAM_TIMEOUT and hurried
        cause = None if late else _CAUSES.get(failure)
        return (Verdict.NOTHING, "") if cause is None else (Verdict.FAILURE, cause)
    if status == 504 and hurried:  # it was told how long its answer is waited for
        return Verdict.NOTHING, ""
    if status in FAILED_STATUSES:
        return Verdict.FAILURE, str(status)
    return (Verdict.SUCCESS, "") if status else (Verdict.NOTHING, "")
