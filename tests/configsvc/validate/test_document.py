"""A whole document: every part of it is judged, and everything told at once."""

from typing import Any

import pytest
from penstock.config.v1 import gateway_config_pb2 as pb
from penstock.config.v1.config_service_pb2 import DOCUMENT_FORMAT_YAML

from configsvc.document.reading import examine
from configsvc.validate.document import validate
from configsvc.validate.findings import Findings
from tests.configsvc.validate.rules import ROUTE, SERVICE, faults, found, with_route, with_service


def for_default(config: pb.GatewayConfig, findings: Findings) -> None:
    validate(config, findings, for_default=True)


def for_others(config: pb.GatewayConfig, findings: Findings) -> None:
    validate(config, findings, for_default=False)


def test_a_plain_document_is_without_fault_or_warning() -> None:
    findings = found(for_others, with_route())
    assert (findings.faults, findings.warnings) == ([], [])


@pytest.mark.parametrize(
    ("plain", "path"),
    [
        (with_service(targets=[]), "services[0].targets"),
        (with_route(service="b"), "routes[0].service"),
        ({"limits": {"tenant": "1/400d"}}, "limits.tenant"),
        ({"cors": {}}, "cors.origins"),
        ({"issuers": [{}]}, "issuers[0].issuer"),
        ({"subscription": {"tiers": ["a b"]}}, "subscription.tiers[0]"),
        ({"inherit": "default", "registration": "open"}, "inherit"),
    ],
)
def test_each_part_is_judged(plain: dict[str, Any], path: str) -> None:
    assert faults(for_others, plain)[0] == path


def test_each_kind_of_warning_is_given() -> None:
    plain = with_route(prefix="/livez") | {"services": [SERVICE, SERVICE | {"name": "idle"}], "registration": "open"}
    assert [each.dotted for each in found(for_others, plain).warnings] == [
        "services[1]",
        "routes[0].prefix",
        "registration",
    ]


def test_default_may_refer_to_variables_and_may_not_inherit() -> None:
    assert faults(for_default, with_service(targets=[{"url": "${A_SERVICE_URL}"}])) == []
    assert faults(for_default, {"inherit": "default"}) == ["inherit"]
    assert faults(for_others, {"inherit": "default"}) == []


def test_too_much_of_anything_is_a_fault() -> None:
    many = {
        "services": [SERVICE | {"name": f"s{number}"} for number in range(1001)],
        "routes": [ROUTE | {"name": f"r{number}", "prefix": f"/{number}", "service": "s0"} for number in range(20_001)],
    }
    assert faults(for_others, many) == ["services", "routes"]


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


def test_the_empty_config_is_without_fault() -> None:
    findings = Findings()
    validate(pb.GatewayConfig(), findings, for_default=True)
    assert (findings.faults, findings.warnings) == ([], [])
