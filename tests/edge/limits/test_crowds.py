"""A flood of addresses has a bounded number of counters, and takes nobody's away."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.limits.crowds import SHARED_COUNTERS, AddressCounters, wide_network
from edge.limits.policy import LimitSet, failure_limits
from edge.limits.rules import LimitRules, Rate
from tests.edge.limits.conftest import HEX, consumer, found_limits, limit_set, route, tenant_view

MINUTE = 60.0
KEPT = 1.5 * MINUTE


def anonymous(address: str, rules: LimitRules = LimitRules()) -> LimitSet:  # noqa: B008 - a value
    return found_limits(tenant_view(rules), route(), None, address)


def keys(counters: AddressCounters, addresses: list[str], now: float = 0.0) -> list[bytes]:
    return [counters.placed(anonymous(address), 1, now).key for address in addresses]


def v6(number: int) -> str:
    return f"2001:db8:{number >> 16:x}:{number & 0xFFFF:x}::1"


@given(st.lists(st.tuples(st.integers(0, 60), st.floats(0, 30)), max_size=300))
def test_never_more_counters_are_live_than_there_are_places(steps: list[tuple[int, float]]) -> None:
    counters, now, live = AddressCounters(10), 0.0, dict[bytes, float]()
    for number, seconds in steps:
        now += seconds
        key = counters.placed(anonymous(v6(number)), 1, now).key
        live[key] = now
        own = [each for each, used in live.items() if b"*" not in each and used + 1.25 * MINUTE > now]
        assert len(own) <= 10


def test_a_flood_takes_no_counter_from_those_who_were_there() -> None:
    counters = AddressCounters(100)
    first = [f"192.0.2.{number}" for number in range(100)]
    before = keys(counters, first)
    flood = keys(counters, [v6(number) for number in range(5_000)])
    assert keys(counters, first) == before
    assert set(flood).isdisjoint(before)
    assert len(set(flood)) == 1  # all from one /32


def test_the_addresses_beyond_share_a_few_counters_by_their_networks() -> None:
    counters = AddressCounters(1)
    keys(counters, ["192.0.2.1"])
    shared = keys(counters, [f"{first}.{second}.0.1" for first in range(1, 20) for second in range(20)])
    assert len(set(shared)) == SHARED_COUNTERS
    assert keys(counters, ["198.51.100.7"]) == keys(counters, ["198.51.3.9"])


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0"),
        ("2001:db8:1:2::/64", str(0x20010DB8)),
        ("2001:db8:ffff::/64", str(0x20010DB8)),
        ("not:an:address", "not:an:address"),
        ("", ""),
    ],
)
def test_a_network_is_as_wide_as_somebody_with_many_addresses_has_it(address: str, network: str) -> None:
    assert wide_network(address) == network


def test_a_place_is_kept_as_long_as_the_counter_may_live_and_is_free_then() -> None:
    counters = AddressCounters(1)
    [own] = keys(counters, ["192.0.2.1"])
    assert keys(counters, ["192.0.2.1"], now=KEPT) == [own]
    assert b"*" in keys(counters, ["192.0.2.2"], now=2 * KEPT - 0.1)[0]
    assert keys(counters, ["192.0.2.2"], now=2 * KEPT + 1) == [HEX + b":d:a:192.0.2.2"]


def test_a_question_takes_no_place_and_finds_the_counter_that_counts() -> None:
    counters = AddressCounters(1)
    one, two = anonymous("192.0.2.1"), anonymous("192.0.2.2")
    assert counters.placed(one, 0, 0.0) is one
    assert counters.placed(two, 1, 0.0) is two
    assert counters.placed(one, 0, 0.0).key == counters.placed(one, 1, 0.0).key != one.key


def test_anonymous_callers_and_failed_authentications_of_each_tenant_have_places_of_their_own() -> None:
    counters, view = AddressCounters(1), tenant_view()
    keys(counters, ["192.0.2.1"])
    failures = failure_limits(view, route(), "192.0.2.9")
    assert failures is not None
    assert counters.placed(failures, 1, 0.0) is failures


@pytest.mark.parametrize("aggregate", [None, 9])
def test_callers_that_are_known_are_never_among_them(aggregate: int | None) -> None:
    counters = AddressCounters(1)
    keys(counters, ["192.0.2.1"])
    known = limit_set(aggregate=aggregate)
    assert counters.placed(known, 1, 0.0) is known
    unlimited = found_limits(tenant_view(LimitRules(tenant=Rate(9, 1_000))), route(), consumer())
    assert counters.placed(unlimited, 1, 0.0) is unlimited


def test_the_tenants_aggregate_is_checked_beside_a_shared_counter_too() -> None:
    counters = AddressCounters(1)
    keys(counters, ["192.0.2.1"])
    beyond = anonymous("192.0.2.2", LimitRules(tenant=Rate(9, 1_000)))
    assert [limit.key for limit in counters.placed(beyond, 1, 0.0).limits][1] == HEX + b":tenant"
