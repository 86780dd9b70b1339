"""The friendly form and the message: the same document, there and back, and nothing understood that is not meant."""

from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import given, settings
from penstock.config.v1 import config_service_pb2 as service
from penstock.config.v1 import gateway_config_pb2 as pb

from configsvc.document.mapping import DOCUMENT, BalanceText, Part, Parts, TimeoutText, from_plain, to_plain
from configsvc.document.reading import examine, write
from configsvc.document.text import parse_json, parse_yaml
from configsvc.validate.findings import Findings

from .configs import configs

DESIGN = """
services:
  - name: sales
    targets: [{url: "http://127.0.0.1:9001", weight: 1}]
    timeout: 10s
    health: {path: /health, interval: 10s, unhealthy_after: 3, healthy_after: 2}
    retries: {attempts: 2, budget: 20%}
    breaker: {failures: 5, open: 10s}
    balance: round_robin
    forward_authorization: false
routes:
  - name: sales
    prefix: /api/v1/sales
    methods: [GET, POST]
    hosts: [api.example.com]
    headers: {x-beta: "1"}
    service: sales
    auth: required
    scopes: [sales.read]
    tier: professional
    tenant_from: header
    limit: {authenticated: 60/min, anonymous: 10/min, algorithm: sliding_window, on_outage: local}
    strip_prefix: false
    timeout: {response: 30s, idle: 2min}
    max_body: 10MiB
    websocket: true
    websocket_limits: {max_message: 64KiB, messages: 20/s, idle: 1h}
    critical: false
limits: {authenticated: 500/min, anonymous: 100/min, tenant: 100000/min, failed_authentication: 20/min,
         legacy_headers: true, algorithm: sliding_window, tiers: {enterprise: 5000/min}}
cors: {origins: ["https://app.example.com"], credentials: true, methods: [GET, POST], headers: [authorization],
       expose: [X-Request-ID], max_age: 10m}
issuers: [{issuer: "https://id.example.com", jwks_url: "https://id.example.com/jwks", audience: api,
           algorithms: [RS256]}]
subscription: {grace: 7d, tiers: [starter, professional, enterprise]}
registration: closed
imported_keys: true
"""


@settings(max_examples=300)
@given(configs)
def test_a_config_comes_back_from_its_friendly_form(config: pb.GatewayConfig) -> None:
    for form, parse in ((service.DOCUMENT_FORMAT_JSON, parse_json), (service.DOCUMENT_FORMAT_YAML, parse_yaml)):
        findings = Findings()
        parsed = parse(write(config, form))
        assert from_plain(parsed.data, findings) == config
        assert findings.faults == []


def test_the_document_of_the_handbook_is_without_fault() -> None:
    examined = examine(DESIGN, service.DOCUMENT_FORMAT_YAML, for_default=False)
    assert examined.faults == ()
    assert {warning.message for warning in examined.warnings} == {"is kept, but not in force in this release"}
    route = examined.config.routes[0]
    assert (route.limit.authenticated.requests, route.limit.authenticated.window.seconds) == (60, 60)
    assert (route.timeouts.response.seconds, route.timeouts.idle.seconds) == (30, 120)
    assert route.max_body_bytes == 10 * 1024 * 1024
    assert examined.config.services[0].retries.budget_percent == 20


def test_an_empty_document_is_a_config_without_routes() -> None:
    assert from_plain(None, Findings()) == pb.GatewayConfig()


def test_the_canonical_spelling_is_short() -> None:
    config = from_plain(parse_yaml(DESIGN).data, Findings())
    plain = to_plain(config)
    assert plain["services"][0]["timeout"] == "10s"
    assert plain["services"][0]["balance"] == "round_robin"
    assert plain["limits"]["tenant"] == "100000/min"
    assert "forward_authorization" not in plain["services"][0]


def test_cross_origin_rules_can_be_off_without_quotes() -> None:
    config = from_plain(parse_yaml("routes: [{cors: off}, {cors: {origins: ['*']}}]").data, Findings())
    assert [route.cors for route in config.routes] == [pb.Cors(off=True), pb.Cors(origins=["*"])]


@pytest.mark.parametrize(
    ("plain", "path"),
    [
        ([], ""),
        ({"rotes": []}, "rotes"),
        ({"routes": {}}, "routes"),
        ({"routes": ["sales"]}, "routes[0]"),
        ({"routes": [{"prefx": "/"}]}, "routes[0].prefx"),
        ({"routes": [{"name": 1}]}, "routes[0].name"),
        ({"routes": [{"methods": ["GET", None]}]}, "routes[0].methods[1]"),
        ({"routes": [{"timeout": 10}]}, "routes[0].timeout"),
        ({"routes": [{"timeout": {"total": "1s"}}]}, "routes[0].timeout.total"),
        ({"routes": [{"timeout": "999999999d"}]}, "routes[0].timeout"),
        ({"routes": [{"limit": {"authenticated": "0/min"}}]}, "routes[0].limit.authenticated"),
        ({"services": [{"targets": [{"weight": 0}]}]}, "services[0].targets[0].weight"),
        ({"services": [{"retries": {"budget": "0%"}}]}, "services[0].retries.budget"),
        ({"services": [{"balance": "random"}]}, "services[0].balance.policy"),
        ({"limits": {"tiers": {"pro": 5}}}, "limits.tiers.pro"),
        ({"limits": None}, "limits"),
        ({"inherit": "acme"}, "inherit"),
        ({"cors": False}, "cors"),
        ({"routes": [{"cors": "on"}]}, "routes[0].cors"),
        ({"routes": [{"cors": {"off": True}}]}, "routes[0].cors.off"),
    ],
)
def test_what_is_not_understood_is_a_fault_with_its_path(plain: Any, path: str) -> None:
    findings = Findings()
    from_plain(plain, findings)
    assert [fault.dotted for fault in findings.faults] == [path]


def test_the_friendly_form_knows_every_field_of_the_message() -> None:
    def missing(keys: Any, descriptor: Any) -> list[str]:
        known = {field: codec for field, codec in keys.values()}
        lacking = [f"{descriptor.name}.{field.name}" for field in descriptor.fields if field.name not in known]
        for field in descriptor.fields:
            codec = known.get(field.name)
            if isinstance(codec, Part | Parts) and field.type == FieldDescriptor.TYPE_MESSAGE:
                lacking += missing(codec.keys, field.message_type)
            else:
                assert not isinstance(codec, Part | Parts) or isinstance(codec, TimeoutText | BalanceText)
        return lacking

    assert missing(DOCUMENT, pb.GatewayConfig.DESCRIPTOR) == []
