"""Judges a recorded history of decisions: the oracle for limits under concurrency.

It knows nothing of any implementation: what was asked and answered, and when, is all it looks at.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from domain.limits import Limit


@dataclass(frozen=True, slots=True)
class Event:
    """One request that was decided at a time in microseconds; the wait that it was told, if it was refused."""

    at: int
    limits: tuple[Limit, ...]
    cost: int
    allowed: bool
    retry_after_millis: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a history shows.

    `excess` is the most units above a limit in any half-open window (t - window, t]: 0 says that it was reached and
    kept. `false_refusals` had room in every limit; `wrong_waits` were told another time than the earliest at which
    there is room, if nothing else comes.
    """

    excess: int
    false_refusals: int
    wrong_waits: int


EXACT = Verdict(excess=0, false_refusals=0, wrong_waits=0)


def judge(history: Iterable[Event]) -> Verdict:
    """The verdict on a history, in the order of the decisions."""
    admitted: defaultdict[bytes, list[int]] = defaultdict(list)
    excess, false_refusals, wrong_waits = -(10**9), 0, 0
    for event in history:
        wait = 0
        for limit in event.limits:
            times = admitted[limit.key]
            live = len(times) - bisect_right(times, event.at - limit.window_micros)
            over = live + event.cost - limit.limit
            if event.allowed and event.cost:
                excess = max(excess, over)
                place = bisect_right(times, event.at)
                times[place:place] = [event.at] * event.cost
            elif over > 0:
                wait = max(wait, times[len(times) - live + over - 1] + limit.window_micros - event.at)
        if not event.allowed:
            false_refusals += wait == 0
            wrong_waits += event.retry_after_millis not in (None, -(-wait // 1000))
    return Verdict(excess, false_refusals, wrong_waits)
