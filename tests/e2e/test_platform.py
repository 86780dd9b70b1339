"""The example of a platform: fifteen services and a foreign auth service behind one entry point, each named by a
variable of the gateway, the document published for the tenant `default` as its users publish it."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.resources import files

import pytest

from domain.tenants import DEFAULT_TENANT
from tests.e2e.suite import Suite, Tenant, running_suite
from tests.e2e.upstream import RecordingUpstream, Sent, recording_upstream

SERVICES = (
    *("sales", "forecasting", "training", "inventory", "production", "recipes", "orders", "suppliers", "procurement"),
    *("pos", "external", "notifications", "ai-insights", "orchestrator", "tenants"),
)


@dataclass(frozen=True)
class Platform:
    """The running suite, the services by name, and a key of `default`."""

    suite: Suite
    services: dict[str, RecordingUpstream]
    key: str

    def seen(self, name: str) -> list[Sent]:
        """The requests that a service has seen, without the checks of its health."""
        return [each for each in self.services[name].requests if each.path != "/health"]

    def counts(self) -> dict[str, int]:
        """How many requests each service has seen."""
        return {name: len(self.seen(name)) for name in self.services}


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with ExitStack() as stack:
        services = {name: stack.enter_context(recording_upstream()) for name in (*SERVICES, "auth")}
        variables = {f"{name.upper().replace('-', '_')}_SERVICE_URL": each.url for name, each in services.items()}
        suite = stack.enter_context(running_suite(tmp_path_factory.mktemp("platform"), **variables))
        suite.publish(Tenant(DEFAULT_TENANT, "default", "", ()), (files("examples") / "platform.yaml").read_bytes())
        made = suite.done("POST", "/tenants/default/keys", {"name": "shop", "consumer": "shop"})
        yield Platform(suite, services, made["api_key"])


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("rest", ["", "/a%20b/7?q=1&q=%2F&empty=", "/"], ids=["itself", "below", "slash"])
def test_each_prefix_reaches_its_own_service_and_no_other(platform: Platform, name: str, rest: str) -> None:
    before = platform.counts()
    answer = platform.suite.edge(f"/api/v1/{name}{rest}", x_api_key=platform.key, x_user_id="admin")
    assert answer.status_code == 200, answer.text
    assert platform.counts() == before | {name: before[name] + 1}
    sent = platform.seen(name)[-1]
    assert sent.path == f"/api/v1/{name}{rest}"
    assert (sent.headers["x-tenant-id"], sent.headers["x-user-type"]) == (DEFAULT_TENANT, "consumer")
    assert sent.headers["x-user-id"] not in ("", "admin")
    assert platform.key not in str(sent.headers)


@pytest.mark.parametrize("name", SERVICES)
def test_without_a_credential_nothing_reaches_a_service(platform: Platform, name: str) -> None:
    before = platform.counts()
    answer = platform.suite.edge(f"/api/v1/{name}/x")
    assert (answer.status_code, answer.json()["code"]) == (401, "TOKEN_MISSING")
    assert platform.counts() == before


@pytest.mark.parametrize("path", ["/api/v1/sale", "/api/v1/salesx", "/api/v1/sales-x/1", "/api/v1/SALES", "/api/v1"])
def test_a_neighbour_of_a_prefix_is_not_found(platform: Platform, path: str) -> None:
    before = platform.counts()
    answer = platform.suite.edge(path, x_api_key=platform.key)
    assert (answer.status_code, answer.json()["code"]) == (404, "ROUTE_NOT_FOUND")
    assert platform.counts() == before


def test_a_foreign_auth_service_takes_what_the_edge_does_not_answer_itself(platform: Platform) -> None:
    before = platform.counts()
    answer = platform.suite.edge("/api/v1/auth/verify?token=x")
    assert answer.status_code == 200, answer.text
    assert platform.counts() == before | {"auth": before["auth"] + 1}
    sent = platform.seen("auth")[-1]
    assert sent.path == "/api/v1/auth/verify?token=x"
    assert "x-user-id" not in sent.headers


@pytest.mark.parametrize("endpoint", ["login", "register", "refresh", "logout"])
def test_accounts_of_the_gateway_never_reach_the_foreign_auth_service(platform: Platform, endpoint: str) -> None:
    before = platform.counts()
    platform.suite.edge(f"/api/v1/auth/{endpoint}", method="POST")
    assert platform.counts() == before
