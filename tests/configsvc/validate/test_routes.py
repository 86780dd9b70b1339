"""The rules of routes, each broken once."""

from typing import Any

import pytest

from configsvc.validate.routes import check_routes
from tests.configsvc.validate.rules import ROUTE, SERVICE, faults, with_route

# One more than a route may have of anything.
MANY = [f"M{chr(65 + number // 26)}{chr(65 + number % 26)}" for number in range(65)]
TIERS = {"subscription": {"tiers": ["pro"]}}


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"name": "A"}, "name"),
        ({"prefix": ""}, "prefix"),
        ({"prefix": "a"}, "prefix"),
        ({"prefix": "/a/"}, "prefix"),
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
        ({"tier": "gold"}, "tier"),
        ({"auth": "none", "scopes": ["a.read"]}, "auth"),
        ({"rewrite": "v2"}, "rewrite"),
        ({"rewrite": "/v2", "strip_prefix": True}, "rewrite"),
        ({"timeout": "2h"}, "timeout.response"),
        ({"timeout": "0s"}, "timeout.response"),
        ({"timeout": {"connect": "2min"}}, "timeout.connect"),
        ({"timeout": {"idle": "2d"}}, "timeout.idle"),
        ({"limit": {"anonymous": "1/367d"}}, "limit.anonymous"),
        ({"limit": {"authenticated": "1/367d"}}, "limit.authenticated"),
        ({"auth": "none", "tier": "pro"}, "auth"),
        ({"methods": ["TRACE"]}, "methods[0]"),
        ({"methods": MANY}, "methods"),
        ({"hosts": [f"{name.lower()}.test" for name in MANY]}, "hosts"),
        ({"headers": dict.fromkeys(MANY, "1")}, "headers"),
        ({"headers": {"x-beta": "1", "X-Beta": "2"}}, "headers.x-beta"),
        ({"headers": {"x-beta": " 1"}}, "headers.x-beta"),
        ({"headers": {"x-beta": "1" * 1025}}, "headers.x-beta"),
        ({"scopes": MANY}, "scopes"),
        ({"scopes": ["a" * 129]}, "scopes[0]"),
        ({"rewrite": "/v2/"}, "rewrite"),
        ({"cors": {}}, "cors.origins"),
        ({"websocket": True, "methods": ["POST"]}, "websocket"),
        ({"websocket_limits": {}}, "websocket_limits"),
        ({"websocket": True, "websocket_limits": {"max_message": 0}}, "websocket_limits.max_message"),
        ({"websocket": True, "websocket_limits": {"messages": "1/367d"}}, "websocket_limits.messages"),
        ({"websocket": True, "websocket_limits": {"idle": "500ms"}}, "websocket_limits.idle"),
        ({"websocket": True, "websocket_limits": {"idle": "25h"}}, "websocket_limits.idle"),
        ({"cors": {"origins": ["*"], "credentials": True}}, "cors.credentials"),
    ],
)
def test_a_route_that_breaks_a_rule_is_a_fault(changes: dict[str, Any], path: str) -> None:
    assert faults(check_routes, with_route(**changes) | TIERS) == [f"routes[0].{path}"]


@pytest.mark.parametrize(
    "changes",
    [
        {"methods": MANY[:64], "scopes": MANY[:64], "headers": dict.fromkeys(MANY[:64], "1")},
        {"hosts": ["a.test", "*.a.test", "127.0.0.1"]},
        {"headers": {"x-beta": "a b", "accept": "*/*"}},
        {"tier": "pro", "scopes": ["a.read", "urn:a:b"], "auth": "optional"},
        {"auth": "none"},
        {"rewrite": "/"},
        {"strip_prefix": True, "timeout": {"connect": "1ms", "response": "1h", "idle": "24h"}},
        {"limit": {"authenticated": "1000000/366d", "anonymous": "1/ms"}},
        {"cors": {"origins": ["*"]}},
        {"cors": "off"},
    ],
    ids=[
        "most of all",
        "hosts",
        "headers",
        "who may call",
        "anybody",
        "rewrite",
        "forwarding",
        "limits",
        "cors",
        "off",
    ],
)
def test_a_route_that_keeps_the_rules_is_taken(changes: dict[str, Any]) -> None:
    assert faults(check_routes, with_route(**changes) | TIERS) == []


def test_names_are_unique() -> None:
    routes = [ROUTE, ROUTE | {"prefix": "/b"}, ROUTE | {"name": "b"}]
    assert faults(check_routes, {"services": [SERVICE], "routes": routes}) == ["routes[1].name"]


def test_a_list_of_any_length_is_judged_in_linear_time() -> None:
    # Looked up in the part of the list before each of them, these would take minutes.
    hosts = [f"h{number}.test" for number in range(200_000)]
    assert faults(check_routes, with_route(hosts=hosts)) == ["routes[0].hosts"]
