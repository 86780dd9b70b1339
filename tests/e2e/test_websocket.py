"""WebSockets through the whole suite: real keys, real tenants, real signals."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.e2e.suite import Suite, Tenant, eventually
from tests.e2e.upstream import echo_upstream

PATH = "/ws/progress"


@pytest.fixture(scope="module")
def behind() -> Iterator[str]:
    with echo_upstream() as url:
        yield url


def document(upstream: str) -> dict[str, Any]:
    return {
        "services": [{"name": "up", "targets": [{"url": upstream}]}],
        "routes": [
            {"name": "ws", "prefix": "/ws", "service": "up", "websocket": True},
            {"name": "plain", "prefix": "/plain", "service": "up"},
        ],
    }


@pytest.fixture
def tenant(suite: Suite, behind: str) -> Tenant:
    made = suite.register()
    suite.publish(made, document(behind))
    return made


@contextmanager
def opened(suite: Suite, key: str, path: str = PATH) -> Iterator[ClientConnection]:
    """A WebSocket through the edge that echoes."""
    url = urlsplit(suite.edge_url)
    options: dict[str, Any] = {"subprotocols": ["v2"], "proxy": None, "close_timeout": 2}
    with connect(f"ws://{url.netloc}{path}", additional_headers={"X-API-Key": key}, **options) as client:
        client.send("hello")
        assert client.recv(10) == "hello"
        yield client


def ending(client: ClientConnection) -> tuple[int | None, str | None]:
    """How it ends."""
    with pytest.raises(ConnectionClosed):
        client.recv(15)
    return client.protocol.close_code, client.protocol.close_reason


def record(suite: Suite, tenant: Tenant) -> dict[str, Any]:
    """The record of the tenant's last WebSocket."""
    (newest, *_) = eventually(lambda: [each for each in suite.logs(tenant) if each["status"] == 101])
    return newest


def test_a_tunnel_leaves_one_record_with_its_time_and_its_code(suite: Suite, tenant: Tenant) -> None:
    with opened(suite, tenant.key) as client:
        client.close(4000, "done")
    found = record(suite, tenant)
    assert (found["close_code"], found["route"], found["code"]) == (4000, "ws", None)
    assert found["duration_ms"] > found["upstream_ms"] > 0
    assert found["request_bytes"] > 0 < found["response_bytes"]


def test_a_revoked_key_ends_its_tunnels_and_no_others(suite: Suite, tenant: Tenant) -> None:
    made = suite.done("POST", f"/tenants/{tenant.id}/keys", {"name": "robot", "consumer": "robot"})
    with opened(suite, made["api_key"]) as client, opened(suite, tenant.key) as other:
        assert suite.admin("DELETE", f"/tenants/{tenant.id}/keys/{made['key']['id']}").is_success
        client.send("is this heard?")
        assert ending(client) == (4401, "KEY_INVALID")
        other.send("still here")
        assert other.recv(10) == "still here"


def test_a_suspended_tenant_has_no_tunnels(suite: Suite, tenant: Tenant) -> None:
    with opened(suite, tenant.key) as client:
        assert suite.admin("PATCH", f"/tenants/{tenant.id}", {"status": "suspended"}).is_success
        assert ending(client) == (4403, "TENANT_SUSPENDED")
        with pytest.raises(InvalidStatus) as refused, opened(suite, tenant.key):
            pass
        assert refused.value.response.status_code == 403


def test_a_route_that_takes_none_refuses(suite: Suite, tenant: Tenant) -> None:
    with pytest.raises(InvalidStatus) as refused, opened(suite, tenant.key, "/plain/x"):
        pass
    assert refused.value.response.status_code == 426


def test_a_route_that_takes_no_more_of_them_ends_them(suite: Suite, tenant: Tenant, behind: str) -> None:
    with opened(suite, tenant.key) as client:
        changed = document(behind)
        del changed["routes"][0]["websocket"]
        suite.publish(tenant, changed)
        assert ending(client) == (4404, "ROUTE_NOT_FOUND")


def test_workers_that_are_replaced_tell_their_tunnels_to_come_again(suite: Suite, tenant: Tenant) -> None:
    replaced = suite.log.read_text().count("all edge workers have been replaced")
    with opened(suite, tenant.key) as client:
        suite.process.send_signal(signal.SIGHUP)
        assert ending(client)[0] == 1012
        with opened(suite, tenant.key):
            pass
    assert record(suite, tenant)["close_code"] in (1000, 1012)
    eventually(lambda: suite.log.read_text().count("all edge workers have been replaced") > replaced, 60)
