"""Durations, sizes, rates and shares: every spelling read, one written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configsvc.document import units

millis = st.integers(0, 366 * 86_400_000)


@given(millis)
def test_a_duration_is_read_as_it_was_written(value: int) -> None:
    assert units.parse_duration(units.format_duration(value)) == value


@given(st.integers(0, 2**53))
def test_a_size_is_read_as_it_was_written(value: int) -> None:
    assert units.parse_size(units.format_size(value)) == value


@given(st.integers(1, 1_000_000), millis.filter(bool))
def test_a_rate_is_read_as_it_was_written(requests: int, window: int) -> None:
    assert units.parse_rate(units.format_rate(requests, window)) == (requests, window)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0s"),
        (250, "250ms"),
        (1000, "1s"),
        (90_000, "90s"),
        (600_000, "10min"),
        (3_600_000, "1h"),
        (604_800_000, "7d"),
    ],
)
def test_durations_have_one_spelling(value: int, text: str) -> None:
    assert units.format_duration(value) == text


def test_minutes_may_be_spelled_short() -> None:
    assert units.parse_duration("10m") == units.parse_duration("10min")


@pytest.mark.parametrize(
    ("requests", "window", "text"),
    [(500, 60_000, "500/min"), (5, 1000, "5/s"), (100, 10_000, "100/10s"), (7, 86_400_000, "7/d"), (1, 1, "1/ms")],
)
def test_rates_have_one_spelling(requests: int, window: int, text: str) -> None:
    assert units.format_rate(requests, window) == text
    assert units.parse_rate(text) == (requests, window)


@pytest.mark.parametrize("text", ["", "10", "10 s", "-1s", "1.5s", "s", "1h30min", "10S", "١s", "1" * 16 + "s", "1s\n"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        units.parse_duration(text)


@pytest.mark.parametrize("text", ["", "10", "10MB", "10 MiB", "-1B", "1e3B"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="size"):
        units.parse_size(text)


@pytest.mark.parametrize("text", ["", "500", "500/", "/min", "500/minute", "1/2", "-1/s", "5/0x1s"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="rate"):
        units.parse_rate(text)
