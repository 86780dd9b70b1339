"""Counts that come back from their file as they were, and add up."""

import pytest

from edge.tally import Tally
from tests.edge.tallies import counted


def test_a_tally_comes_back_as_it_was() -> None:
    tally = counted(2)
    tally.gauges["telemetry_spooled_records"] = 7.0
    again = Tally.load(tally.dump())
    assert again.dump() == tally.dump()
    assert again.requests["GET", "/api", 200].buckets[2] == 2


def test_two_tallies_add_up_by_key() -> None:
    total = counted(2)
    total.add(counted(3))
    total.request("GET", "/other", 404, 20.0, 0, 0)
    assert total.requests["GET", "/api", 200].count == 5
    assert total.requests["GET", "/other", 404].buckets[-1] == 1
    assert total.events["gateway_rate_limit_exceeded", "/api"] == 2


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"requests": 1}',
        b'{"requests": [[1]]}',
        b'{"requests": [], "events": [], "gauges": 1}',
    ],
)
def test_anything_else_is_no_tally(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a tally"):
        Tally.load(data)


def test_a_level_that_this_release_does_not_know_is_left_out() -> None:
    assert Tally.load(b'{"requests": [], "events": [], "gauges": {"old": 1}}').gauges == {}
