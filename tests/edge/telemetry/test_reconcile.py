"""Ledger and segments disagree after a crash: the standing is what both can vouch for."""

import pytest

from edge.telemetry.ledger import Counters, Settled
from edge.telemetry.reconcile import Span, reconcile

SEGMENTS = (Span(11, 20), Span(21, 30))
MOST_LOST = 1000


@pytest.mark.parametrize(
    ("counters", "settled", "last", "answered", "sent", "floor"),
    [
        pytest.param(Counters(30, 25), Settled(floor=15), 30, 30, 25, 15, id="all-agree"),
        pytest.param(Counters(31, 25), Settled(floor=15), 31, 31, 25, 15, id="killed-inside-a-note"),
        pytest.param(Counters(35, 25, no_space=4, oversize=1), Settled(floor=15), 30, 35, 25, 15, id="rejected"),
        pytest.param(Counters(7, 3), Settled(floor=15), 30, 30, 15, 15, id="ledger-behind-the-segments"),
        pytest.param(Counters(1 << 40, 25), Settled(floor=15), 30, 30, 25, 15, id="answered-damaged"),
        pytest.param(Counters(30, 1 << 40), Settled(floor=15), 30, 30, 30, 15, id="sent-damaged"),
        pytest.param(Counters(30, 25, no_space=1 << 60), Settled(floor=15), 30, 30, 25, 15, id="rejected-damaged"),
        pytest.param(Counters(), None, 30, 30, 10, 10, id="ledger-lost"),
    ],
)
def test_standing_with_segments(
    counters: Counters, settled: Settled | None, last: int, answered: int, sent: int, floor: int
) -> None:
    standing = reconcile(counters, settled, SEGMENTS, MOST_LOST)
    assert (standing.last, standing.counters.answered) == (last, answered)
    assert (standing.counters.sent, standing.settled.floor) == (sent, floor)


def test_without_segments_numbering_goes_on_where_the_ledger_stands() -> None:
    standing = reconcile(Counters(30, 30), Settled(floor=30), (), MOST_LOST)
    assert (standing.last, standing.settled.floor) == (30, 30)


def test_an_empty_folder_begins_at_nothing() -> None:
    standing = reconcile(Counters(), None, (), MOST_LOST)
    assert (standing.last, standing.counters, standing.settled) == (0, Counters(), Settled())
