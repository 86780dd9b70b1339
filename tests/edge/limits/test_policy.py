"""Which limits hold for a request, and on which counters."""

import pytest
from penstock.ratelimit.v1 import limit_pb2 as pb
from penstock.ratelimit.v1 import rate_limit_service_pb2 as service_pb

from domain.limits import Algorithm
from domain.tenants import TenantId
from edge.limits.policy import MAX_KEY_BYTES, limited_address, limits_for
from edge.limits.rules import LimitRules, Outage, Rate, RouteLimitRules, Unlimited
from edge.principal import Principal, PrincipalKind
from tests.edge.limits.conftest import HEX, consumer, found_limits, limit_set, route, tenant_view

GENERAL = LimitRules(Rate(500, 60_000), Rate(100, 60_000), tiers={"gold": Rate(5_000, 60_000)})
UNLIMITED = Unlimited.UNLIMITED
OWN = RouteLimitRules(authenticated=Rate(60, 60_000), anonymous=Rate(10, 60_000))


@pytest.mark.parametrize(
    ("own", "principal", "tier", "key", "name", "requests"),
    [
        pytest.param(None, consumer(), "", b"d:c:alice", "default", 500, id="the tenant's limit for who is known"),
        pytest.param(None, None, "", b"d:a:192.0.2.1", "default", 100, id="the tenant's limit for an address"),
        pytest.param(None, consumer(), "gold", b"t.gold:c:alice", "gold", 5_000, id="the tenant's plan over its limit"),
        pytest.param(
            None, consumer(tier="gold"), "tin", b"t.gold:c:alice", "gold", 5_000, id="the principal's plan over it"
        ),
        pytest.param(None, consumer(tier="tin"), "", b"d:c:alice", "default", 500, id="a plan without a limit"),
        pytest.param(None, None, "gold", b"d:a:192.0.2.1", "default", 100, id="no plan for an address"),
        pytest.param(OWN, consumer(tier="gold"), "", b"r.sales:c:alice", "sales", 60, id="the route's over a plan's"),
        pytest.param(OWN, None, "", b"r.sales:a:192.0.2.1", "sales", 10, id="the route's for an address"),
        pytest.param(
            RouteLimitRules(anonymous=Rate(1, 1_000)), consumer(), "", b"d:c:alice", "default", 500, id="half a rule"
        ),
        pytest.param(
            None, consumer(kind=PrincipalKind.USER), "", b"d:u:alice", "default", 500, id="a user of a consumer's name"
        ),
    ],
)
def test_the_most_specific_rule_replaces_the_general_one(
    own: RouteLimitRules | None, principal: Principal | None, tier: str, key: bytes, name: str, requests: int
) -> None:
    limits = found_limits(tenant_view(GENERAL, tier=tier), route(own), principal, "192.0.2.1")
    assert limits.key == HEX + b":" + key
    assert [(each.name, each.rate.requests) for each in limits.plan.policies] == [(name, requests)]


def test_the_tenants_aggregate_is_checked_besides() -> None:
    rules = LimitRules(tenant=Rate(9_000, 60_000), algorithm=Algorithm.TOKEN_BUCKET)
    limits = found_limits(tenant_view(rules), route(OWN), consumer(), "")
    assert [(each.key, each.limit, each.window_micros, each.algorithm) for each in limits.limits] == [
        (HEX + b":r.sales:c:alice", 60, 60_000_000, Algorithm.TOKEN_BUCKET),
        (HEX + b":tenant", 9_000, 60_000_000, Algorithm.TOKEN_BUCKET),
    ]


@pytest.mark.parametrize(
    ("rules", "own", "principal"),
    [
        pytest.param(LimitRules(authenticated=UNLIMITED), None, consumer(), id="who is known"),
        pytest.param(LimitRules(anonymous=UNLIMITED), None, None, id="an address"),
        pytest.param(LimitRules(tiers={"gold": UNLIMITED}), None, consumer(tier="gold"), id="a plan"),
        pytest.param(LimitRules(), RouteLimitRules(authenticated=UNLIMITED), consumer(), id="who is known, on a route"),
        pytest.param(LimitRules(), RouteLimitRules(anonymous=UNLIMITED), None, id="an address, on a route"),
    ],
)
def test_a_rule_may_say_that_there_is_no_limit(
    rules: LimitRules, own: RouteLimitRules | None, principal: Principal | None
) -> None:
    for _ in range(2):  # as found out, and as remembered
        assert limits_for(tenant_view(rules), route(own), principal, "192.0.2.1") is None


@pytest.mark.parametrize(
    ("own", "principal"),
    [
        pytest.param(None, consumer(tier="gold"), id="a plan"),
        pytest.param(None, None, id="who is not known"),
        pytest.param(RouteLimitRules(authenticated=Rate(1, 1_000)), consumer(), id="a route"),
    ],
)
def test_who_is_not_named_by_it_stays_limited(own: RouteLimitRules | None, principal: Principal | None) -> None:
    rules = LimitRules(authenticated=UNLIMITED, tiers={"gold": Rate(5, 1_000)})
    assert limits_for(tenant_view(rules), route(own), principal, "192.0.2.1") is not None


@pytest.mark.parametrize("principal", [consumer(), None], ids=["who is known", "an address"])
def test_the_tenants_aggregate_is_checked_alone_where_callers_are_not_limited(principal: Principal | None) -> None:
    rules = LimitRules(authenticated=UNLIMITED, anonymous=UNLIMITED, tenant=Rate(9, 60_000))
    limits = found_limits(tenant_view(rules), route(), principal, "192.0.2.1")
    assert [(each.key, each.limit) for each in limits.limits] == [(HEX + b":tenant", 9)]
    assert [policy.name for policy in limits.plan.policies] == ["tenant"]
    assert limits.plan.header == b'"tenant";q=9;w=60'
    assert limits.plan.crowd is None  # its counter is never one of those that addresses share
    (check,) = service_pb.StreamChecksRequest.FromString(limits.check_entry(1)).checks
    assert [(limit.key, limit.limit) for limit in check.limits] == [(HEX + b":tenant", 9)]


def test_a_routes_algorithm_and_outage_mode_hold_over_the_tenants() -> None:
    own = RouteLimitRules(algorithm=Algorithm.TOKEN_BUCKET, on_outage=Outage.STRICT)
    limits = found_limits(tenant_view(), route(own), consumer(), "")
    assert limits.plan.policies[0].algorithm is Algorithm.TOKEN_BUCKET
    assert limits.plan.outage is Outage.STRICT


def test_a_new_version_of_the_document_keeps_the_counters_and_takes_the_new_limits() -> None:
    before = found_limits(tenant_view(version=1), route(), consumer(), "")
    after = found_limits(tenant_view(LimitRules(Rate(7, 1_000)), version=2), route(), consumer(), "")
    assert before.key == after.key
    assert (before.limits[0].limit, after.limits[0].limit) == (500, 7)


def test_tenants_that_inherit_the_same_rules_have_counters_of_their_own() -> None:
    rules = LimitRules()
    other = TenantId("01a20000-0000-7000-8000-00000000000b")
    mine = found_limits(tenant_view(rules), route(), consumer(), "")
    theirs = found_limits(tenant_view(rules, tenant=other), route(), consumer(), "")
    assert mine.key != theirs.key


def test_a_caller_with_a_long_name_has_a_key_that_the_contract_allows() -> None:
    one, two = (found_limits(tenant_view(), route(), consumer("x" * 400 + end), "") for end in "ab")
    assert max(len(one.key), len(two.key)) <= MAX_KEY_BYTES
    assert one.key != two.key
    assert one.key.startswith(HEX + b":")


@pytest.mark.parametrize(
    ("address", "limited"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("not:an:address", "not:an:address"),
        ("", ""),
    ],
)
def test_an_address_counts_as_far_as_one_caller_holds_it(address: str, limited: str) -> None:
    assert limited_address(address) == limited


@pytest.mark.parametrize("cost", [0, 1, 5])
@pytest.mark.parametrize("aggregate", [None, 100], ids=["alone", "with the aggregate"])
def test_the_check_reads_back_as_the_limits(cost: int, aggregate: int | None) -> None:
    limits = limit_set(10, aggregate=aggregate)
    (check,) = service_pb.StreamChecksRequest.FromString(limits.check_entry(cost)).checks
    assert (check.cost if check.HasField("cost") else 1) == cost
    assert list(check.limits) == [
        pb.Limit(
            key=each.key,
            limit=each.limit,
            window_millis=each.window_micros // 1000,
            algorithm=pb.ALGORITHM_SLIDING_WINDOW,
        )
        for each in limits.limits
    ]
