"""A client sends so many messages in any time, and as many at once as fill the time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.websocket.meter import Meter


def test_as_many_as_are_allowed_may_come_at_once() -> None:
    meter = Meter(10, 1.0)
    assert meter.left(100.0) == 10
    meter.spend(10, 100.0)
    assert meter.left(100.0) == 0


def test_the_bucket_fills_evenly() -> None:
    meter = Meter(10, 1.0)
    meter.spend(10, 100.0)
    assert [meter.left(100.0 + late) for late in (0.05, 0.15, 0.55, 1.01, 50)] == [0, 1, 5, 10, 10]


@pytest.mark.parametrize("seconds", [0.625, 60.0])
@given(waits=st.lists(st.integers(0, 6400).map(lambda ticks: ticks / 64), max_size=40))
def test_never_more_than_twice_the_messages_in_one_period(seconds: float, waits: list[float]) -> None:
    meter, now, came = Meter(5, seconds), 0.0, list[tuple[float, int]]()
    for wait in waits:
        now += wait
        left = meter.left(now)
        assert 0 <= left <= 5
        meter.spend(left, now)
        came.append((now, left))
        assert sum(count for moment, count in came if now - seconds < moment <= now) <= 10
