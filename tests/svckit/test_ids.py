"""UUIDs of version 7 (RFC 9562)."""

from uuid import RFC_4122

from hypothesis import given
from hypothesis import strategies as st

from svckit.ids import uuid7

TIMES = st.integers(min_value=0, max_value=(1 << 48) * 1_000_000 - 1)


@given(TIMES)
def test_version_variant_and_milliseconds_stand_where_the_rfc_puts_them(now_ns: int) -> None:
    identifier = uuid7(now_ns)

    assert (identifier.version, identifier.variant) == (7, RFC_4122)
    assert identifier.int >> 80 == now_ns // 1_000_000


@given(TIMES, st.integers(min_value=250, max_value=10**12))
def test_ids_that_are_a_quarter_microsecond_apart_sort_by_time(now_ns: int, later_by: int) -> None:
    later = min(now_ns + later_by, (1 << 48) * 1_000_000 - 1)

    assert later - now_ns < 250 or uuid7(now_ns) < uuid7(later)


def test_ids_of_the_same_moment_differ() -> None:
    assert len({uuid7(1) for _ in range(1000)}) == 1000


def test_the_clock_is_read_when_no_time_is_given() -> None:
    assert uuid7() > uuid7(1_700_000_000 * 10**9)
