"""Routes that no request can reach are told before anybody wonders."""

from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from penstock.config.v1 import gateway_config_pb2 as pb

from configsvc.validate.findings import Findings
from configsvc.validate.reach import warn_of_unreachable


def warnings(routes: list[dict[str, Any]]) -> list[str]:
    findings = Findings()
    warn_of_unreachable(ParseDict({"routes": routes}, pb.GatewayConfig()), findings)
    assert findings.faults == []
    return [each.dotted for each in findings.warnings]


@pytest.mark.parametrize(
    "prefix",
    ["/livez", "/health", "/api/v1/auth/login", "/.well-known/jwks.json", "/openapi.json", "/docs"],
)
def test_a_route_behind_a_built_in_endpoint_is_warned_of(prefix: str) -> None:
    assert warnings([{"prefix": prefix}]) == ["routes[0].prefix"]


@pytest.mark.parametrize(
    "prefix",
    [
        "/",
        "/api/v1",
        "/api/v1/auth",
        "/api/v1/authors",
        "/healthy",
        "/api/v1/healthz",
        "/docs/guide",
        "/.well-known/acme-challenge",
    ],
)
def test_a_route_beside_the_built_in_endpoints_is_not(prefix: str) -> None:
    assert warnings([{"prefix": prefix}]) == []


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        ([{"prefix": "/a"}, {"prefix": "/a"}], ["routes[1]"]),
        ([{"prefix": "/a"}, {"prefix": "/a", "methods": ["GET"]}], ["routes[1]"]),
        ([{"prefix": "/a", "methods": ["GET"]}, {"prefix": "/a"}], []),
        (
            [
                {"prefix": "/a", "methods": ["GET"]},
                {"prefix": "/a", "methods": ["PUT"]},
                {"prefix": "/a", "methods": ["PUT", "GET"]},
            ],
            ["routes[2]"],
        ),
        ([{"prefix": "/a"}, {"prefix": "/a", "headers": {"x-beta": "1"}}], []),
        ([{"prefix": "/a", "headers": {"X-Beta": "1"}}, {"prefix": "/a", "headers": {"x-beta": "1"}}], ["routes[1]"]),
        ([{"prefix": "/a"}, {"prefix": "/a", "hosts": ["a.test"]}], []),
        (
            [{"prefix": "/a", "hosts": ["a.test", "b.test"]}, {"prefix": "/a", "hosts": ["b.test"]}],
            ["routes[1]"],
        ),
        ([{"prefix": "/a", "hosts": ["a.test"]}, {"prefix": "/a", "hosts": ["a.test", "b.test"]}], []),
    ],
)
def test_a_route_that_can_never_match_is_warned_of(routes: list[dict[str, Any]], expected: list[str]) -> None:
    assert warnings(routes) == expected
