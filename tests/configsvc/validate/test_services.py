"""The rules of services and their targets, each broken once."""

from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from penstock.config.v1 import gateway_config_pb2 as pb

from configsvc.validate.findings import Findings
from configsvc.validate.services import check_services, check_span
from tests.configsvc.validate.rules import SERVICE, faults, found, with_service
from tests.support.authority import Authority

CA = Authority().pem


def for_default(config: pb.GatewayConfig, findings: Findings) -> None:
    check_services(config, findings, for_default=True)


def for_others(config: pb.GatewayConfig, findings: Findings) -> None:
    check_services(config, findings, for_default=False)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"targets": []}, "targets"),
        ({"targets": [{"url": "127.0.0.1:9001"}]}, "targets[0].url"),
        ({"targets": [{"url": "http://a/path"}]}, "targets[0].url"),
        ({"targets": [{"url": "${A_SERVICE_URL}"}]}, "targets[0].url"),
        ({"targets": [{"url": "http://a", "weight": 1001}]}, "targets[0].weight"),
        ({"health": {"path": "health"}}, "health.path"),
        ({"health": {"path": "/h", "interval": "1ms"}}, "health.interval"),
        ({"health": {"path": "/h", "unhealthy_after": 101}}, "health.unhealthy_after"),
        ({"health": {"path": "/h", "healthy_after": 101}}, "health.healthy_after"),
        ({"retries": {}}, "retries.attempts"),
        ({"retries": {"attempts": 6}}, "retries.attempts"),
        ({"breaker": {"open": "1s"}}, "breaker.failures"),
        ({"breaker": {"failures": 5, "open": "2h"}}, "breaker.open"),
        ({"balance": {"policy": "round_robin", "header": "x-cart"}}, "balance.header"),
        ({"balance": {"policy": "hash", "header": "x cart"}}, "balance.header"),
        ({"balance": {"policy": "hash", "slow_start": "10s"}}, "balance.slow_start"),
        ({"balance": {"policy": "round_robin", "slow_start": "2h"}}, "balance.slow_start"),
        ({"connections": {"max": 65536}}, "connections.max"),
        ({"connections": {"idle": "99ms"}}, "connections.idle"),
        ({"tls": {"ca": "no certificate"}, "targets": [{"url": "https://a"}]}, "tls.ca"),
        ({"tls": {"ca": "é"}, "targets": [{"url": "https://a"}]}, "tls.ca"),
        ({"tls": {"ca": "x" * 65537}, "targets": [{"url": "https://a"}]}, "tls.ca"),
        ({"tls": {"server_name": "A"}, "targets": [{"url": "https://a"}]}, "tls.server_name"),
        ({"timeout": {"connect": "61s"}}, "timeout.connect"),
        ({"name": "A"}, "name"),
        ({"name": ""}, "name"),
        ({"name": "a" * 129}, "name"),
        ({"targets": [{"url": "http://a"}] * 257}, "targets"),
        ({"health": {"path": "/" + "h" * 2048}}, "health.path"),
        ({"health": {"path": "/h", "interval": "2h"}}, "health.interval"),
        ({"breaker": {"failures": 1001}}, "breaker.failures"),
        ({"breaker": {"failures": 5, "open": "99ms"}}, "breaker.open"),
    ],
)
def test_a_service_that_breaks_a_rule_is_a_fault(changes: dict[str, Any], path: str) -> None:
    assert faults(for_others, with_service(**changes)) == [f"services[0].{path}"]


@pytest.mark.parametrize(
    "changes",
    [
        {"targets": [{"url": "http://a", "weight": 1000}] * 256},
        {"health": {"path": "/", "interval": "1h", "unhealthy_after": 100, "healthy_after": 100}},
        {"retries": {"attempts": 5, "budget": "100%"}},
        {"breaker": {"failures": 1000, "open": "1h"}},
        {"breaker": {"failures": 1}},
        {"balance": {"policy": "hash", "header": "x-cart"}},
        {"balance": "hash"},
        {"balance": {"policy": "least_requests", "slow_start": "1h", "panic": "50%"}},
        {"connections": {"max": 65535, "idle": "1h"}},
        {"tls": {"ca": CA, "server_name": "api.internal"}, "targets": [{"url": "https://10.0.0.1"}]},
    ],
    ids=[
        "targets",
        "health",
        "retries",
        "breaker",
        "breaker without a time",
        "hash of a header",
        "hash of the address",
        "slow start",
        "connections",
        "tls",
    ],
)
def test_a_service_that_keeps_the_rules_is_taken(changes: dict[str, Any]) -> None:
    assert faults(for_others, with_service(**changes)) == []


def test_only_default_may_refer_to_variables() -> None:
    document = with_service(targets=[{"url": "${A_SERVICE_URL}"}])
    assert faults(for_default, document) == []
    assert faults(for_others, document) == ["services[0].targets[0].url"]


def test_names_are_unique_and_there_are_a_thousand_at_most() -> None:
    assert faults(for_others, {"services": [SERVICE, SERVICE]}) == ["services[1].name"]
    many = [SERVICE | {"name": f"s{number}"} for number in range(1001)]
    assert faults(for_others, {"services": many}) == ["services"]
    assert faults(for_others, {"services": many[1:]}) == []


def test_a_service_that_no_route_uses_is_warned_of() -> None:
    document = with_service()
    document["services"] = [SERVICE, SERVICE | {"name": "idle"}]
    assert [each.dotted for each in found(for_others, document).warnings] == ["services[1]"]


@pytest.mark.parametrize(
    ("span", "fits"),
    [
        (Duration(seconds=1), True),
        (Duration(seconds=2), True),
        (Duration(seconds=2, nanos=1), False),
        (Duration(nanos=999_999_999), False),
        (Duration(seconds=-1), False),
    ],
)
def test_a_span_lies_within_its_bounds(span: Duration, fits: bool) -> None:
    findings = Findings()
    check_span(span, 1, 2, findings)
    assert [each.message for each in findings.faults] == ([] if fits else ["must be 1 s – 2 s"])
