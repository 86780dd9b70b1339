"""Refusals are remembered for a moment, and few of them."""

import pytest

from edge.auth.negatives import Negatives
from edge.principal import Rejection

KEY_INVALID, TOKEN_INVALID = Rejection(15), Rejection(11)


def _digest(number: int) -> bytes:
    return number.to_bytes(32, "big")


@pytest.mark.parametrize(
    ("now", "found"),
    [(100.0, KEY_INVALID), (129.9, KEY_INVALID), (130.0, None), (99.0, KEY_INVALID)],
    ids=["at once", "to its end", "no longer", "by a reading of the clock from before"],
)
def test_a_refusal_holds_for_its_time(now: float, found: Rejection | None) -> None:
    negatives = Negatives(lifetime_seconds=30.0)
    negatives.put(_digest(1), KEY_INVALID, now=100.0)
    assert negatives.get(_digest(1), now) == found
    assert negatives.get(_digest(2), now) is None


def test_the_oldest_goes_when_there_is_no_room() -> None:
    negatives = Negatives(capacity=2)
    for number in range(3):
        negatives.put(_digest(number), KEY_INVALID, now=100.0)
    assert [negatives.get(_digest(number), 100.0) for number in range(3)] == [None, KEY_INVALID, KEY_INVALID]
    assert len(negatives) == 2


def test_a_refusal_that_is_repeated_is_the_newest_and_holds_anew() -> None:
    negatives = Negatives(capacity=2, lifetime_seconds=30.0)
    negatives.put(_digest(1), KEY_INVALID, now=100.0)
    negatives.put(_digest(2), KEY_INVALID, now=100.0)
    negatives.put(_digest(1), TOKEN_INVALID, now=120.0)
    negatives.put(_digest(3), KEY_INVALID, now=120.0)
    assert negatives.get(_digest(2), 120.0) is None
    assert negatives.get(_digest(1), 149.9) == TOKEN_INVALID


def test_nothing_is_left_after_clearing() -> None:
    negatives = Negatives()
    negatives.put(_digest(1), KEY_INVALID, now=100.0)
    negatives.clear()
    assert negatives.get(_digest(1), 100.0) is None
    assert len(negatives) == 0
