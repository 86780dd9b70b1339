"""An upload keeps the least pace in every period, whatever it brought before, and is not blamed for our pauses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.pace import LeastPace, Upload

LEAST = LeastPace(100, 10.0)


def kept(*pieces: tuple[float, int], least: LeastPace = LEAST) -> list[bool]:
    """What is said of each piece: its time and its octets."""
    upload = Upload(least, 0.0)
    return [upload.keeps_pace(octets, now) for now, octets in pieces]


@pytest.mark.parametrize(
    ("pieces", "verdicts"),
    [
        pytest.param([(1.0, 1), (9.9, 1)], [True, True], id="too early to say"),
        pytest.param([(10.0, 1000)], [True], id="just enough"),
        pytest.param([(10.0, 999)], [False], id="just too little"),
        pytest.param([(5.0, 500), (10.0, 500)], [True, True], id="enough together"),
        pytest.param([(40.0, 3999)], [False], id="too little over a long silence"),
        pytest.param([(40.0, 4000)], [True], id="enough over a long silence"),
        pytest.param([(10.0, 10**9), (20.0, 999)], [True, False], id="no credit from before"),
        pytest.param([(10.0, 1000), (15.0, 0), (20.0, 1000)], [True, True, True], id="periods in a row"),
    ],
)
def test_a_body_brings_enough_in_every_period(pieces: list[tuple[float, int]], verdicts: list[bool]) -> None:
    assert kept(*pieces) == verdicts


def test_without_a_least_any_pace_will_do() -> None:
    assert kept((10.0, 0), (1000.0, 1), least=LeastPace(0)) == [True, True]


def test_time_in_which_the_edge_does_not_read_does_not_count() -> None:
    upload = Upload(LEAST, 0.0)
    upload.resumed(1.0)
    upload.paused(5.0)
    upload.resumed(105.0)
    assert upload.keeps_pace(1, 109.9)
    assert not upload.keeps_pace(998, 110.0)


@given(st.lists(st.tuples(st.floats(0.01, 30.0), st.integers(0, 5000)), max_size=20))
def test_a_body_that_is_always_fast_enough_is_never_given_up(steps: list[tuple[float, int]]) -> None:
    now, pieces = 0.0, []
    for seconds, more in steps:
        now += seconds
        pieces.append((now, int(seconds * 100) + 1 + more))
    assert all(kept(*pieces))
