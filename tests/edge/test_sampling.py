"""A share of requests: none, all, or about as many as were asked for, and the same ones whoever asks."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.sampling import ALL, Share

ids = st.binary(min_size=16, max_size=16)
ENDS = [b"\0" * 16, b"\xff" * 16]


@given(ids | st.sampled_from(ENDS))
def test_all_are_all_and_none_are_none(record_id: bytes) -> None:
    assert ALL.takes(record_id)
    assert not Share(0.0).takes(record_id)


@pytest.mark.parametrize("part", [1e-9, 0.01, 0.25, 0.5, 0.999])
def test_a_part_is_about_as_large_as_asked_for(part: float) -> None:
    share = Share(part)
    taken = sum(share.takes(sha256(b"%d" % number).digest()[:16]) for number in range(20_000))
    assert abs(taken / 20_000 - part) < 0.02


@given(ids, st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_has_the_smaller_one_in_it(record_id: bytes, one: float, other: float) -> None:
    smaller, larger = sorted((one, other))
    assert Share(larger).takes(record_id) or not Share(smaller).takes(record_id)
