"""Attempts to leave one's tenant: by key, host, header, path and the management API. Each must fail."""

import httpx
import pytest

from tests.e2e.suite import Suite, Tenant, config
from tests.e2e.upstream import RecordingUpstream


@pytest.fixture
def ours(suite: Suite, upstream: RecordingUpstream) -> Tenant:
    tenant = suite.register()
    suite.publish(tenant, config(upstream.url))
    return tenant


@pytest.fixture
def theirs(suite: Suite, upstream: RecordingUpstream) -> Tenant:
    tenant = suite.register(f"{suite.register().slug}.example.com")
    suite.publish(tenant, config(upstream.url))
    return tenant


def test_a_key_does_not_work_at_another_tenants_host(
    suite: Suite, upstream: RecordingUpstream, ours: Tenant, theirs: Tenant
) -> None:
    answer = suite.edge("/api/x", host=theirs.hosts[0], x_api_key=ours.key)
    assert (answer.status_code, answer.json()["code"]) == (401, "KEY_INVALID")
    assert upstream.requests == []


def test_a_key_may_not_ask_for_another_tenant(
    suite: Suite, upstream: RecordingUpstream, ours: Tenant, theirs: Tenant
) -> None:
    answer = suite.edge("/api/x", x_api_key=ours.key, x_tenant_id=theirs.id)
    assert (answer.status_code, answer.json()["code"]) == (403, "TENANT_FORBIDDEN")
    assert upstream.requests == []


@pytest.mark.parametrize("name", ["X_Tenant_ID", "X.Tenant.ID", "x-tenant_id"])
def test_no_other_spelling_of_the_tenant_header_is_taken(
    suite: Suite, upstream: RecordingUpstream, ours: Tenant, theirs: Tenant, name: str
) -> None:
    headers = {"X-API-Key": ours.key, name: theirs.id}
    answer = httpx.get(f"{suite.edge_url}/api/x", headers=headers, trust_env=False)
    assert (answer.status_code, answer.json()["code"]) == (400, "BAD_REQUEST")
    assert upstream.requests == []


def test_an_anonymous_request_is_never_in_the_tenant_it_names(
    suite: Suite, upstream: RecordingUpstream, theirs: Tenant, ours: Tenant
) -> None:
    answer = suite.edge("/open/x", host=theirs.hosts[0], x_tenant_id=ours.id)
    assert answer.status_code == 200
    assert upstream.requests[-1].headers["x-tenant-id"] == theirs.id


def test_a_key_whose_tenant_part_is_exchanged_is_no_key(suite: Suite, ours: Tenant, theirs: Tenant) -> None:
    forged = ours.key[:9] + theirs.key[9:17] + ours.key[17:]
    answer = suite.edge("/api/x", x_api_key=forged)
    assert (answer.status_code, answer.json()["code"]) == (401, "KEY_INVALID")


@pytest.mark.parametrize("path", ["", "/config", "/keys", "/logs", "/errors", "/health"])
@pytest.mark.parametrize("role", ["tenant_admin", "tenant_viewer"])
def test_a_tenants_token_opens_no_other_tenant(
    suite: Suite, ours: Tenant, theirs: Tenant, role: str, path: str
) -> None:
    made = suite.done("POST", "/tokens", {"name": "t", "role": role, "tenant_id": ours.id})
    token = {"Authorization": f"Bearer {made['secret']}"}
    assert suite.admin("GET", f"/tenants/{ours.id}{path}", headers=token).status_code == 200
    for tenant in (theirs.id, theirs.slug, "00000000-0000-7000-8000-000000000000"):
        answer = suite.admin("GET", f"/tenants/{tenant}{path}", headers=token)
        assert (answer.status_code, answer.json()["code"]) == (403, "TENANT_FORBIDDEN")


def test_an_api_key_opens_no_management_path(suite: Suite, ours: Tenant) -> None:
    answer = suite.admin("GET", f"/tenants/{ours.id}", headers={"Authorization": f"Bearer {ours.key}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "TOKEN_INVALID")
    answer = suite.admin("GET", f"/tenants/{ours.id}", headers={"X-API-Key": ours.key})
    assert (answer.status_code, answer.json()["code"]) == (401, "TOKEN_MISSING")


@pytest.mark.parametrize("path", ["/api/x", "/maybe/x"], ids=["a credential is needed", "a credential is optional"])
def test_an_admin_token_opens_no_route(suite: Suite, upstream: RecordingUpstream, theirs: Tenant, path: str) -> None:
    made = suite.done("POST", "/tokens", {"name": "t", "role": "tenant_admin", "tenant_id": theirs.id})
    host = theirs.hosts[0]
    assert suite.edge(path, host=host, x_api_key=theirs.key).status_code == 200
    for token in (suite.operator["Authorization"], f"Bearer {made['secret']}"):
        answer = suite.edge(path, host=host, authorization=token)
        assert (answer.status_code, answer.json()["code"]) == (401, "KEY_INVALID")
    assert len(upstream.requests) == 1
