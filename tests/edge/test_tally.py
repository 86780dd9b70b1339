"""Counts that come back from their file as they were, and add up."""

import pytest

from edge.tally import MAX_KEYS, OTHER, Tally
from tests.edge.tallies import counted


def test_a_tally_comes_back_as_it_was() -> None:
    tally = counted(2)
    tally.gauges["telemetry_spooled_records"] = 7.0
    tally.services["sales"] = ("healthy", 1_700_000_000.5)
    tally.targets["t", "sales", "a:1", "open", "503"] = 1
    again = Tally.load(tally.dump())
    assert again.dump() == tally.dump()
    assert again.services == tally.services
    assert again.targets == tally.targets
    assert again.requests["GET", "/api", 200].buckets[2] == 2


def test_two_tallies_add_up_by_key() -> None:
    total = counted(2)
    total.add(counted(3))
    total.request("GET", "/other", 404, 20.0, 0, 0)
    assert total.requests["GET", "/api", 200].count == 5
    assert total.requests["GET", "/other", 404].buckets[-1] == 1
    assert total.requests["GET", "/api", 429].rate_limited == 2
    assert total.events["gateway_auth_attempts", "success"] == 2


def test_of_a_service_that_two_workers_have_seen_the_later_sight_counts() -> None:
    early, late, total = Tally(), Tally(), Tally()
    early.services, late.services = {"sales": ("healthy", 1.0)}, {"sales": ("unhealthy", 2.0)}
    for tally in (late, early):
        total.add(tally)
    assert total.services == {"sales": ("unhealthy", 2.0)}


def test_a_flood_of_routes_and_statuses_is_counted_whole_under_a_bounded_number_of_keys() -> None:
    tally = Tally()
    for route in range(MAX_KEYS + 2_000):
        tally.request("GET", f"/{route}", 200 + route % 400, 0.004, 1, 1)
    assert sum(count.count for count in tally.requests.values()) == MAX_KEYS + 2_000
    assert len(tally.requests) <= MAX_KEYS + 400
    assert {path for _, path, _ in tally.requests} == {*(f"/{route}" for route in range(MAX_KEYS)), OTHER}


def test_in_a_flood_what_has_a_key_already_keeps_it() -> None:
    tally = counted()
    for route in range(MAX_KEYS + 1):
        tally.request("GET", f"/{route}", 200, 0.004, 1, 1)
    tally.request("GET", "/api", 200, 0.004, 1, 1)
    assert tally.requests["GET", "/api", 200].count == 2


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"requests": 1}',
        b'{"requests": [[1]]}',
        b'{"requests": [], "events": [], "gauges": 1, "services": {}}',
        b'{"requests": [], "events": [], "gauges": {}, "services": {"sales": 1}}',
    ],
)
def test_anything_else_is_no_tally(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a tally"):
        Tally.load(data)


def test_a_level_that_this_release_does_not_know_is_left_out() -> None:
    assert Tally.load(b'{"requests": [], "events": [], "gauges": {"old": 1}, "services": {}}').gauges == {}
