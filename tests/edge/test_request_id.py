"""The ids of a request: one that is always ours, and one that a client may bring along."""

from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.request_id import RequestIds
from svckit.request_ids import WELL_FORMED


@pytest.mark.parametrize("presented", [b"a", b"abc-1.2_X", b"x" * 128], ids=["short", "of all kinds", "the longest"])
def test_a_well_formed_id_is_kept(presented: bytes) -> None:
    assert RequestIds().identity(presented).text == presented


@pytest.mark.parametrize(
    "presented",
    [
        pytest.param(None, id="none"),
        pytest.param(b"", id="empty"),
        pytest.param(b"x" * 129, id="too long"),
        pytest.param(b"not valid!", id="other characters"),
        pytest.param(b"a\r\nX-User-ID: admin", id="a line break"),
        pytest.param(b"a\n", id="a newline at the end"),
        pytest.param("é".encode(), id="not ASCII"),
        pytest.param(b"psk_live_default0keykey00_x", id="an API key"),
        pytest.param(b"eyJhbGciOiJIUzI1NiJ9.e30.c2ln", id="a token"),
    ],
)
def test_any_other_is_replaced_by_the_records(presented: bytes | None) -> None:
    identity = RequestIds().identity(presented)
    assert identity.text.decode() == str(UUID(bytes=identity.octets))


def test_the_record_has_an_id_of_its_own_whatever_is_presented() -> None:
    ids = RequestIds()
    made = [UUID(bytes=ids.identity(b"same").octets) for _ in range(1500)]  # more than are drawn at once
    assert {(each.version, each.variant) for each in made} == {(7, RFC_4122)}
    assert len(set(made)) == len(made)


def test_randomness_is_used_once() -> None:
    """Two ids of the same moment differ by it alone."""
    ids = RequestIds()
    tails = [ids.identity(None).octets[8:] for _ in range(1500)]
    assert len(set(tails)) == len(tails)


def test_ids_sort_by_the_time_of_their_making() -> None:
    ids = RequestIds()
    moments = [UUID(bytes=ids.identity(None).octets).int >> 80 for _ in range(600)]
    assert moments == sorted(moments)
    assert moments[0] > 1_700_000_000_000


@given(st.none() | st.binary(max_size=140))
def test_what_leaves_is_well_formed(presented: bytes | None) -> None:
    assert WELL_FORMED.fullmatch(RequestIds().identity(presented).text.decode())
