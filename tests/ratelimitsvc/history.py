"""Judges a recorded history of one counter: the oracle for limits under concurrency.

It knows nothing of any implementation: an admission or refusal and its time is all it looks at.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """One decided request of cost 1 at a time in microseconds."""

    at: int
    allowed: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """The most units in any half-open window (t - window, t], and how many refusals there was no reason for."""

    worst_window: int
    false_refusals: int


def judge(history: Iterable[Event], limit: int, window: int) -> Verdict:
    """The verdict on a history, in whatever order its events were written down."""
    events = list(history)
    admitted = sorted(event.at for event in events if event.allowed)

    def live(at: int) -> int:
        return bisect_right(admitted, at) - bisect_right(admitted, at - window)

    worst = max((live(at) for at in admitted), default=0)
    refused = (event.at for event in events if not event.allowed)
    return Verdict(worst, sum(live(at) < limit for at in refused))
