"""What ledger and segments say together when a spool is opened, after whatever happened to either. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from edge.telemetry.ledger import Counters, Settled

# Beyond what any process counts up to: such a word was damaged.
_IMPLAUSIBLE: Final = 1 << 56


@dataclass(frozen=True, slots=True)
class Span:
    """The sequences that a recovered segment covers."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a spool goes on: `last` is the highest sequence that was ever given out."""

    counters: Counters
    settled: Settled
    last: int


def reconcile(counters: Counters, settled: Settled | None, spans: Sequence[Span], most_lost: int) -> Standing:
    """The standing of a spool.

    A sequence that the ledger has counted and no segment holds was lost: it is never given out again, so the
    gap stays visible and is counted when the floor passes it. `most_lost` is how many records can be lost at
    most; a ledger that claims more is damaged, and so is one without a row while there are segments.
    """
    found = spans[-1].last if spans else 0
    if settled is None:
        settled = Settled(floor=spans[0].first - 1 if spans else 0)
    counters = _plausible(counters)
    rejected = counters.no_space + counters.oversize
    known = max(found, settled.floor)
    last = counters.answered - rejected
    if not known <= last <= known + most_lost:
        last = known
    sent = min(max(counters.sent, settled.floor), last)
    return Standing(replace(counters, answered=last + rejected, sent=sent), settled, last)


def _plausible(counters: Counters) -> Counters:
    if max(counters.no_space, counters.oversize) < _IMPLAUSIBLE:
        return counters
    return replace(counters, no_space=0, oversize=0)
