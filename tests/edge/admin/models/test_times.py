"""RFC 3339 outside, UTC and timestamps inside."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from penstock.auth.v1.api_key_pb2 import ApiKey

from edge.admin.models.times import of_micros, parse_time, stamp_of, time_of

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
HALF_PAST = NOON.replace(microsecond=500_000)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        pytest.param("2026-01-31T12:00:00Z", NOON, id="UTC"),
        pytest.param("2026-01-31t12:00:00z", NOON, id="in lower case"),
        pytest.param("2026-01-31 12:00:00Z", NOON, id="with a space, which people write"),
        pytest.param("2026-01-31T14:30:00+02:30", NOON, id="east of it"),
        pytest.param("2026-01-30T12:01:00-23:59", NOON, id="as far west as there is"),
        pytest.param("2026-01-31T12:00:00-00:00", NOON, id="somewhere unknown"),
        pytest.param("2026-01-31T12:00:00.5Z", HALF_PAST, id="a fraction"),
        pytest.param("2026-01-31T12:00:00.500000999Z", HALF_PAST, id="nanoseconds are cut off"),
        pytest.param("2024-02-29T00:00:00Z", datetime(2024, 2, 29, tzinfo=UTC), id="a leap day"),
        pytest.param("1970-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC), id="the first moment"),
        pytest.param("9998-12-31T23:59:59Z", datetime(9998, 12, 31, 23, 59, 59, tzinfo=UTC), id="the last second"),
    ],
)
def test_a_time_is_read_and_is_in_utc(text: str, moment: datetime) -> None:
    read = parse_time(text)
    assert (read, read.tzinfo) == (moment, UTC)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("2026-01-31T12:00:00", id="nowhere"),
        pytest.param("2026-01-31", id="a day"),
        pytest.param("2026-01-31T12:00Z", id="no seconds"),
        pytest.param("20260131T120000Z", id="without separators"),
        pytest.param("2026-W05-6T12:00:00Z", id="a week"),
        pytest.param("2026-01-31T12:00:00,5Z", id="a comma"),
        pytest.param("2026-01-31T12:00:00.Z", id="an empty fraction"),
        pytest.param("2026-01-31T12:00:00.0000000001Z", id="finer than nanoseconds"),
        pytest.param("2026-02-29T12:00:00Z", id="no leap year"),
        pytest.param("2026-01-31T24:00:00Z", id="hour 24"),
        pytest.param("2026-01-31T23:59:60Z", id="a leap second, which no timestamp has"),
        pytest.param("2026-01-31T12:00:00+24:00", id="further than there is"),
        pytest.param("2026-01-31T12:00:00+14:60", id="minute 60 of an offset"),
        pytest.param("2026-01-31T12:00:00+00:00:30", id="seconds of an offset"),
        pytest.param("2026-01-31T12:00:00Z\n", id="a line's end"),
        pytest.param(" 2026-01-31T12:00:00Z", id="a space before"),
        pytest.param("٢٠٢٦-01-31T12:00:00Z", id="other digits"),
        pytest.param("tomorrow", id="a word"),
        pytest.param("", id="nothing"),
        pytest.param(1_769_860_800, id="seconds since 1970"),
        pytest.param(NOON, id="a time that is no text"),
        pytest.param(None, id="null"),
    ],
)
def test_what_is_no_rfc_3339_time_is_told_so(text: object) -> None:
    with pytest.raises(ValueError, match=r"^must be an RFC 3339 time, such as 2026-01-31T12:00:00Z$"):
        parse_time(text)


@pytest.mark.parametrize(
    "text", ["1969-12-31T23:59:59Z", "9999-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "1970-01-01T00:00:00+14:00"]
)
def test_a_year_that_is_not_meant_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must lie between the years 1970 and 9998$"):
        parse_time(text)


def test_an_absent_time_stays_absent_and_the_first_moment_does_not() -> None:
    assert (time_of(ApiKey(), "expire_time"), stamp_of(None)) == (None, None)
    assert time_of(ApiKey(expire_time=Timestamp()), "expire_time") == datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("micros", "moment"),
    [(0, datetime(1970, 1, 1, tzinfo=UTC)), (1_769_860_800_500_000, HALF_PAST)],
    ids=["the first moment", "a fraction"],
)
def test_microseconds_count_from_1970(micros: int, moment: datetime) -> None:
    assert of_micros(micros) == moment


offsets = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(1970, 1, 1), datetime(9998, 12, 31, 23, 59, 59, 999_999), timezones=offsets)


@given(moments)
def test_what_was_given_is_kept_to_the_microsecond_wherever_it_was_written(moment: datetime) -> None:
    read = parse_time(moment.isoformat())
    assert read == moment
    assert time_of(ApiKey(expire_time=stamp_of(read)), "expire_time") == moment
