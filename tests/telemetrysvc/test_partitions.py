"""Which months get a partition."""

from datetime import UTC, datetime, timedelta

import pytest

from telemetrysvc.partitions import Month, months_between
from tests.telemetrysvc.records import micros

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        pytest.param(NOW, NOW, ["202603"], id="now"),
        pytest.param(NOW - timedelta(days=20), NOW, ["202602", "202603"], id="across-two-months"),
        pytest.param(NOW - timedelta(days=9000), NOW, ["202601", "202602", "202603"], id="only-the-near-ones"),
        pytest.param(NOW - timedelta(days=9000), NOW - timedelta(days=8000), [], id="long-ago"),
        pytest.param(NOW + timedelta(days=400), NOW + timedelta(days=400), [], id="far-ahead"),
    ],
)
def test_months(first: datetime, last: datetime, expected: list[str]) -> None:
    assert [month.suffix for month in months_between(micros(first), micros(last), NOW)] == expected


def test_a_month_ends_where_the_next_begins() -> None:
    december = Month(datetime(2026, 12, 1, tzinfo=UTC))
    assert december.end == datetime(2027, 1, 1, tzinfo=UTC)
