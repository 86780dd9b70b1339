"""Why a target is not used can be read by its tenant, and by nobody else's."""

from contextlib import ExitStack

import httpx

from tests.e2e.suite import Suite, Tenant, eventually
from tests.e2e.upstream import RecordingUpstream, recording_upstream
from tests.edge.faults.servers import closed_port


def seen(suite: Suite, tenant: Tenant, **filters: str) -> set[tuple[str, bool, str | None]]:
    """The targets of a tenant's history with what they counted as, and why."""
    query = "&".join(f"{name}={value}" for name, value in filters.items())
    items = suite.done("GET", f"/tenants/{tenant.id}/health?{query}")["items"]
    return {(each["target"], each["healthy"], each["reason"]) for each in items}


def test_checks_and_breakers_leave_their_reasons_with_their_tenant(suite: Suite, upstream: RecordingUpstream) -> None:
    nobody = closed_port()
    targets = [{"url": upstream.url}, {"url": f"http://127.0.0.1:{nobody}"}]
    tenant, other = suite.register(), suite.register()
    document = {
        "services": [
            {"name": "checked", "targets": targets, "health": {"path": "/health", "interval": "1s"}},
            {
                "name": "broken",
                "targets": targets,
                "breaker": {"failures": 2, "open": "1h"},
                "retries": {"attempts": 2},
            },
        ],
        "routes": [
            {"name": "checked", "prefix": "/checked", "service": "checked"},
            {"name": "broken", "prefix": "/broken", "service": "broken"},
        ],
    }
    assert suite.admin("PUT", f"/tenants/{tenant.id}/config", document).json()["warnings"] == []
    suite.publish(tenant, document)
    well, away = f"127.0.0.1:{upstream.port}", f"127.0.0.1:{nobody}"
    eventually(
        lambda: {(well, True, None), (away, False, "cannot be reached")} <= seen(suite, tenant, service="checked")
    )
    for path in ("/checked/x", "/broken/x"):
        assert [suite.edge(path, x_api_key=tenant.key).status_code for _ in range(8)] == [200] * 8
    opened = (away, False, "breaker open: 2 failures in a row, the last: cannot be reached")
    eventually(lambda: opened in seen(suite, tenant, service="broken"))
    assert seen(suite, other) == set()
    state = f'service_name="broken",state="open",target="{away}",tenant_id="{tenant.id}"'
    eventually(lambda: state in httpx.get(f"{suite.admin_url}/metrics", headers=suite.operator, trust_env=False).text)


def test_a_hash_leads_to_the_same_target_through_every_worker(suite: Suite) -> None:
    with ExitStack() as stack:
        behind = [stack.enter_context(recording_upstream()) for _ in range(3)]
        tenant = suite.register()
        service = {
            "name": "up",
            "targets": [{"url": each.url} for each in behind],
            "balance": {"policy": "hash", "header": "x-cart"},
        }
        suite.publish(tenant, {"services": [service], "routes": [{"name": "up", "prefix": "/up", "service": "up"}]})
        for cart in range(6):
            for _ in range(4):
                assert suite.edge(f"/up/{cart}", x_api_key=tenant.key, x_cart=str(cart)).status_code == 200
        by_cart = [
            {each.port for each in behind for sent in each.requests if sent.path == f"/up/{n}"} for n in range(6)
        ]
        assert all(len(ports) == 1 for ports in by_cart)
