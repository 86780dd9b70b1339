"""What a document must keep: each rule broken once, and everything told at once."""

from typing import Any

import pytest
from penstock.config.v1 import gateway_config_pb2 as pb
from penstock.config.v1.config_service_pb2 import DOCUMENT_FORMAT_YAML

from configsvc.document.mapping import from_plain
from configsvc.document.reading import examine
from configsvc.validate.document import validate
from configsvc.validate.findings import Findings

SERVICE: dict[str, Any] = {"name": "a", "targets": [{"url": "http://127.0.0.1:9001"}]}
ROUTE: dict[str, Any] = {"name": "a", "prefix": "/a", "service": "a"}


def found(plain: dict[str, Any], *, for_default: bool = False) -> Findings:
    reading, findings = Findings(), Findings()
    config = from_plain(plain, reading)
    assert reading.faults == []
    validate(config, findings, for_default=for_default)
    return findings


def faults(plain: dict[str, Any], *, for_default: bool = False) -> list[str]:
    return [each.dotted for each in found(plain, for_default=for_default).faults]


def with_route(**changes: Any) -> dict[str, Any]:
    return {"services": [SERVICE], "routes": [ROUTE | changes]}


def with_service(**changes: Any) -> dict[str, Any]:
    return {"services": [SERVICE | changes], "routes": [ROUTE]}


def test_a_plain_document_is_without_fault_or_warning() -> None:
    findings = found(with_route())
    assert (findings.faults, findings.warnings) == ([], [])


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"name": "A"}, "name"),
        ({"prefix": ""}, "prefix"),
        ({"prefix": "a"}, "prefix"),
        ({"prefix": "/a/"}, "prefix"),
        ({"prefix": "//a"}, "prefix"),
        ({"prefix": "/a/../b"}, "prefix"),
        ({"prefix": "/a/."}, "prefix"),
        ({"prefix": "/a?b"}, "prefix"),
        ({"prefix": "/ä"}, "prefix"),
        ({"prefix": "/%61"}, "prefix"),
        ({"prefix": "/%2e"}, "prefix"),
        ({"prefix": "/%c3%a4"}, "prefix"),
        ({"prefix": "/a\n"}, "prefix"),
        ({"methods": ["get"]}, "methods[0]"),
        ({"methods": ["GET", "GET"]}, "methods[1]"),
        ({"methods": ["CONNECT"]}, "methods[0]"),
        ({"hosts": ["Upper.test"]}, "hosts[0]"),
        ({"hosts": ["a.test:80"]}, "hosts[0]"),
        ({"hosts": ["a.*.test"]}, "hosts[0]"),
        ({"hosts": ["*"]}, "hosts[0]"),
        ({"hosts": ["a.test", "a.test"]}, "hosts[1]"),
        ({"headers": {"x beta": "1"}}, "headers.x beta"),
        ({"headers": {"x-beta": "1\r\ny: 2"}}, "headers.x-beta"),
        ({"headers": {"x-beta": ""}}, "headers.x-beta"),
        ({"service": "b"}, "service"),
        ({"scopes": ["a b"]}, "scopes[0]"),
        ({"tier": "pro"}, "tier"),
        ({"auth": "none", "scopes": ["a.read"]}, "auth"),
        ({"rewrite": "v2"}, "rewrite"),
        ({"rewrite": "/v2", "strip_prefix": True}, "rewrite"),
        ({"timeout": "2h"}, "timeout.response"),
        ({"timeout": "0s"}, "timeout.response"),
        ({"timeout": {"connect": "2min"}}, "timeout.connect"),
        ({"timeout": {"idle": "2d"}}, "timeout.idle"),
        ({"limit": {"anonymous": "1/367d"}}, "limit.anonymous"),
    ],
)
def test_a_route_that_breaks_a_rule_is_a_fault(changes: dict[str, Any], path: str) -> None:
    assert faults(with_route(**changes)) == [f"routes[0].{path}"]


@pytest.mark.parametrize("prefix", ["/", "/a.b/c~d/_-", "/%C3%A4", "/%2F", "/a:b@c;d=e,f", "/*", "/a%20b"])
def test_a_prefix_in_its_one_spelling_is_taken(prefix: str) -> None:
    assert faults(with_route(prefix=prefix)) == []


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
        ({"timeout": {"connect": "61s"}}, "timeout.connect"),
    ],
)
def test_a_service_that_breaks_a_rule_is_a_fault(changes: dict[str, Any], path: str) -> None:
    assert faults(with_service(**changes)) == [f"services[0].{path}"]


@pytest.mark.parametrize(
    ("part", "path"),
    [
        ({"limits": {"tenant": "1/400d"}}, "limits.tenant"),
        ({"limits": {"tiers": {"a b": "1/s"}}}, "limits.tiers.a b"),
        ({"cors": {}}, "cors.origins"),
        ({"cors": {"origins": ["*", "https://a.test"]}}, "cors.origins"),
        ({"cors": {"origins": ["*"], "credentials": True}}, "cors.credentials"),
        ({"cors": {"origins": ["a.test"]}}, "cors.origins[0]"),
        ({"cors": {"origins": ["https://a.test/"]}}, "cors.origins[0]"),
        ({"cors": {"origins": ["https://a.test"], "methods": ["get"]}}, "cors.methods[0]"),
        ({"cors": {"origins": ["https://a.test"], "headers": ["a b"]}}, "cors.headers[0]"),
        ({"cors": {"origins": ["https://a.test"], "expose": ["a\nb"]}}, "cors.expose[0]"),
        ({"cors": {"origins": ["https://a.test"], "max_age": "2d"}}, "cors.max_age"),
        ({"subscription": {"tiers": ["a b"]}}, "subscription.tiers[0]"),
        ({"subscription": {"tiers": ["a", "a"]}}, "subscription.tiers[1]"),
        ({"subscription": {"grace": "367d"}}, "subscription.grace"),
        ({"inherit": "default", "registration": "open"}, "inherit"),
    ],
)
def test_a_policy_that_breaks_a_rule_is_a_fault(part: dict[str, Any], path: str) -> None:
    assert faults(part) == [path]


ISSUER = {"issuer": "https://id.test", "jwks_url": "https://id.test/jwks", "audience": "api", "algorithms": ["RS256"]}


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"issuer": ""}, ".issuer"),
        ({"jwks_url": "http://id.test/jwks"}, ".jwks_url"),
        ({"jwks_url": "https://"}, ".jwks_url"),
        ({"jwks_url": ""}, ""),
        ({"public_key": "-----BEGIN"}, ""),
        ({"audience": ""}, ".audience"),
        ({"algorithms": []}, ".algorithms"),
        ({"algorithms": ["HS256"]}, ".algorithms[0]"),
        ({"algorithms": ["none"]}, ".algorithms[0]"),
    ],
)
def test_an_issuer_that_breaks_a_rule_is_a_fault(changes: dict[str, Any], path: str) -> None:
    assert faults({"issuers": [ISSUER]}) == []
    assert faults({"issuers": [ISSUER | changes]}) == [f"issuers[0]{path}"]


def test_an_issuer_stands_once() -> None:
    assert faults({"issuers": [ISSUER, ISSUER]}) == ["issuers[1].issuer"]


def test_names_are_unique() -> None:
    assert faults({"services": [SERVICE, SERVICE], "routes": [ROUTE, ROUTE | {"prefix": "/b"}]}) == [
        "services[1].name",
        "routes[1].name",
    ]


def test_default_may_refer_to_variables_and_may_not_inherit() -> None:
    assert faults(with_service(targets=[{"url": "${A_SERVICE_URL}"}]), for_default=True) == []
    assert faults({"inherit": "default"}, for_default=True) == ["inherit"]
    assert faults({"inherit": "default"}) == []


def test_too_much_of_anything_is_a_fault() -> None:
    many = {
        "services": [SERVICE | {"name": f"s{number}"} for number in range(1001)],
        "routes": [ROUTE | {"name": f"r{number}", "prefix": f"/{number}", "service": "s0"} for number in range(20_001)],
    }
    assert faults(many) == ["services", "routes"]


def test_everything_is_told_at_once_and_nothing_twice() -> None:
    text = """
services:
  - {name: a, targets: [{url: "http://a"}, {url: 5}]}
routes:
  - {name: a, prefix: api, service: a, metods: [GET]}
  - oops
  - {name: c, prefix: /c, service: gone, methods: [1, get]}
limits: {anonymous: often}
"""
    examined = examine(text, DOCUMENT_FORMAT_YAML, for_default=False)
    assert [(fault.dotted, fault.line) for fault in examined.faults] == [
        ("services[0].targets[1].url", 3),
        ("routes[0].metods", 5),
        ("routes[1]", 6),
        ("routes[2].methods[0]", 7),
        ("limits.anonymous", 8),
        ("routes[0].prefix", 5),
        ("routes[2].service", 7),
        ("routes[2].methods[1]", 7),
    ]


def test_a_service_that_no_route_uses_is_warned_of() -> None:
    findings = found({"services": [SERVICE]})
    assert [each.dotted for each in findings.warnings] == ["services[0]"]


def test_the_empty_config_is_without_fault() -> None:
    findings = Findings()
    validate(pb.GatewayConfig(), findings, for_default=True)
    assert (findings.faults, findings.warnings) == ([], [])
