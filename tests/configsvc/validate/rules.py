"""Runs rules over documents in the friendly form."""

from collections.abc import Callable
from typing import Any

from penstock.config.v1 import gateway_config_pb2 as pb

from configsvc.document.mapping import from_plain
from configsvc.validate.findings import Findings

SERVICE: dict[str, Any] = {"name": "a", "targets": [{"url": "http://127.0.0.1:9001"}]}
ROUTE: dict[str, Any] = {"name": "a", "prefix": "/a", "service": "a"}


def found(rule: Callable[[pb.GatewayConfig, Findings], None], plain: dict[str, Any]) -> Findings:
    """What the rule has to say about a document that can be read."""
    reading, findings = Findings(), Findings()
    config = from_plain(plain, reading)
    assert reading.faults == []
    rule(config, findings)
    return findings


def faults(rule: Callable[[pb.GatewayConfig, Findings], None], plain: dict[str, Any]) -> list[str]:
    """The paths of its faults."""
    return [each.dotted for each in found(rule, plain).faults]


def with_route(**changes: Any) -> dict[str, Any]:
    """A document without fault but for what the changes of its only route do."""
    return {"services": [SERVICE], "routes": [ROUTE | changes]}


def with_service(**changes: Any) -> dict[str, Any]:
    """The same for its only service."""
    return {"services": [SERVICE | changes], "routes": [ROUTE]}
