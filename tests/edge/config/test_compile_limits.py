"""The limits of a document become rules: what is left out takes a default, what is not understood is a reason."""

from collections.abc import Callable

import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st
from penstock.config.v1 import gateway_config_pb2 as pb

from edge.config.compile_limits import limit_rules, route_limit_rules
from edge.config.reasons import Reasons
from edge.limits.rules import Algorithm, LimitRules, Outage, Rate, RouteLimitRules, Unlimited

UNLIMITED = Unlimited.UNLIMITED
NOT_A_RATE = "is not a rate: at least one request in at least 1 ms"
UNKNOWN = "is not known to this gateway"


def general(text: str) -> LimitRules:
    reasons = Reasons("limits")
    rules = limit_rules(text_format.Parse(text, pb.Limits()), reasons)
    assert reasons.found == []
    return rules


def of_route(text: str) -> RouteLimitRules:
    reasons = Reasons("limit")
    rules = route_limit_rules(text_format.Parse(text, pb.RouteLimit()), reasons)
    assert reasons.found == []
    return rules


def reasons_for(compiled: Callable[[Reasons], object]) -> list[tuple[str, str]]:
    reasons = Reasons("limits")
    compiled(reasons)
    return [(reason.path, reason.message) for reason in reasons.found]


MINUTE = "window { seconds: 60 }"


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        pytest.param("", LimitRules(), id="nothing"),
        pytest.param(
            f"authenticated {{ requests: 7 {MINUTE} }}", LimitRules(authenticated=Rate(7, 60_000)), id="known callers"
        ),
        pytest.param(f"anonymous {{ requests: 7 {MINUTE} }}", LimitRules(anonymous=Rate(7, 60_000)), id="addresses"),
        pytest.param(
            f"failed_authentication {{ requests: 7 {MINUTE} }}",
            LimitRules(failed_authentication=Rate(7, 60_000)),
            id="failed authentications",
        ),
        pytest.param(f"tenant {{ requests: 7 {MINUTE} }}", LimitRules(tenant=Rate(7, 60_000)), id="the tenant"),
        pytest.param(
            f'tiers {{ key: "gold" value {{ requests: 7 {MINUTE} }} }}'
            f'tiers {{ key: "" value {{ requests: 8 {MINUTE} }} }}',
            LimitRules(tiers={"gold": Rate(7, 60_000), "": Rate(8, 60_000)}),
            id="tiers",
        ),
        pytest.param(
            "authenticated { unlimited: true } anonymous { unlimited: true }"
            'tiers { key: "gold" value { unlimited: true } }',
            LimitRules(authenticated=UNLIMITED, anonymous=UNLIMITED, tiers={"gold": UNLIMITED}),
            id="no limits",
        ),
        pytest.param("tenant { unlimited: true }", LimitRules(), id="no limit of the tenant, as without a word"),
        pytest.param("algorithm: LIMIT_ALGORITHM_SLIDING_WINDOW", LimitRules(), id="the default algorithm by name"),
        pytest.param(
            "algorithm: LIMIT_ALGORITHM_TOKEN_BUCKET", LimitRules(algorithm=Algorithm.TOKEN_BUCKET), id="a bucket"
        ),
        pytest.param("legacy_headers: true", LimitRules(legacy_headers=True), id="older header fields"),
        pytest.param("on_outage: LIMIT_OUTAGE_OPEN", LimitRules(on_outage=Outage.OPEN), id="open in an outage"),
        pytest.param("on_outage: LIMIT_OUTAGE_LOCAL", LimitRules(on_outage=Outage.LOCAL), id="local in an outage"),
        pytest.param("on_outage: LIMIT_OUTAGE_STRICT", LimitRules(on_outage=Outage.STRICT), id="strict in an outage"),
    ],
)
def test_what_a_document_leaves_out_takes_the_default(text: str, rules: LimitRules) -> None:
    assert general(text) == rules


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        pytest.param("", RouteLimitRules(), id="nothing"),
        pytest.param(
            f"authenticated {{ requests: 7 {MINUTE} }}",
            RouteLimitRules(authenticated=Rate(7, 60_000)),
            id="known callers",
        ),
        pytest.param(
            f"anonymous {{ requests: 7 {MINUTE} }}", RouteLimitRules(anonymous=Rate(7, 60_000)), id="addresses"
        ),
        pytest.param("anonymous { unlimited: true }", RouteLimitRules(anonymous=UNLIMITED), id="no limit"),
        pytest.param(
            "algorithm: LIMIT_ALGORITHM_SLIDING_WINDOW",
            RouteLimitRules(algorithm=Algorithm.SLIDING_WINDOW),
            id="the default algorithm by name stands over the tenant's",
        ),
        pytest.param("on_outage: LIMIT_OUTAGE_LOCAL", RouteLimitRules(on_outage=Outage.LOCAL), id="so does an outage"),
    ],
)
def test_what_a_route_leaves_out_stays_with_the_general_rule(text: str, rules: RouteLimitRules) -> None:
    assert of_route(text) == rules


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        pytest.param("requests: 1 window { nanos: 1000000 }", Rate(1, 1), id="the smallest"),
        pytest.param("requests: 2 window { seconds: 1 nanos: 1999999 }", Rate(2, 1001), id="parts of a ms are cut"),
        pytest.param("requests: 1 window { seconds: 86400 }", Rate(1, 86_400_000), id="a day"),
    ],
)
def test_a_window_is_counted_in_milliseconds(rate: str, expected: Rate) -> None:
    assert general(f"authenticated {{ {rate} }}").authenticated == expected


@pytest.mark.parametrize(
    "rate",
    [
        pytest.param("", id="empty"),
        pytest.param(MINUTE, id="no requests"),
        pytest.param("requests: 1", id="no window"),
        pytest.param("requests: 1 window { nanos: 999999 }", id="a window below a millisecond"),
        pytest.param("requests: 1 window { seconds: -60 }", id="a window backwards"),
    ],
)
@pytest.mark.parametrize("field", ["authenticated", "anonymous", "tenant", "failed_authentication"])
def test_what_is_no_rate_is_a_reason_and_never_no_limit(field: str, rate: str) -> None:
    limits = text_format.Parse(f"{field} {{ {rate} }}", pb.Limits())
    assert reasons_for(lambda reasons: limit_rules(limits, reasons)) == [(f"limits.{field}", NOT_A_RATE)]


@pytest.mark.parametrize("rate", ["requests: 1", "window {}"])
def test_what_is_a_rate_and_unlimited_is_a_reason(rate: str) -> None:
    limits = text_format.Parse(f"anonymous {{ unlimited: true {rate} }}", pb.Limits())
    assert reasons_for(lambda reasons: limit_rules(limits, reasons)) == [
        ("limits.anonymous", "is both a rate and unlimited")
    ]


def test_all_reasons_are_given_at_once() -> None:
    limits = text_format.Parse(
        'authenticated {} tiers { key: "gold" value {} } algorithm: 98 on_outage: 99', pb.Limits()
    )
    assert reasons_for(lambda reasons: limit_rules(limits, reasons)) == [
        ("limits.authenticated", NOT_A_RATE),
        ("limits.algorithm", UNKNOWN),
        ("limits.tiers.gold", NOT_A_RATE),
        ("limits.on_outage", UNKNOWN),
    ]


def test_a_routes_reasons_are_given_at_once() -> None:
    limit = text_format.Parse("authenticated {} anonymous {} algorithm: 98 on_outage: 99", pb.RouteLimit())
    assert reasons_for(lambda reasons: route_limit_rules(limit, reasons)) == [
        ("limits.authenticated", NOT_A_RATE),
        ("limits.anonymous", NOT_A_RATE),
        ("limits.algorithm", UNKNOWN),
        ("limits.on_outage", UNKNOWN),
    ]


@pytest.mark.parametrize("name", pb.LimitAlgorithm.keys())
def test_every_algorithm_of_the_contract_is_known(name: str) -> None:
    assert reasons_for(lambda reasons: limit_rules(pb.Limits(algorithm=name), reasons)) == []  # type: ignore[arg-type]


@pytest.mark.parametrize("name", pb.LimitOutage.keys())
def test_every_outage_mode_of_the_contract_is_known(name: str) -> None:
    assert reasons_for(lambda reasons: limit_rules(pb.Limits(on_outage=name), reasons)) == []  # type: ignore[arg-type]


@given(st.integers(1, 2**31), st.integers(1, 86_400_000))
def test_every_rate_of_whole_milliseconds_arrives_as_written(requests: int, millis: int) -> None:
    limits = pb.Limits()
    limits.tenant.requests = requests
    limits.tenant.window.FromMilliseconds(millis)
    reasons = Reasons()
    assert limit_rules(limits, reasons).tenant == Rate(requests, millis)
    assert reasons.found == []
