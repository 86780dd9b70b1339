"""A gateway that asks by HTTP is answered as the tenant stands."""

import httpx

from tests.e2e.suite import Suite, Tenant, eventually


def test_a_gateway_learns_who_is_calling_until_the_key_is_revoked(suite: Suite) -> None:
    tenant = suite.register()
    eventually(lambda: _judged(suite, tenant).status_code == 200)
    answer = _judged(suite, tenant)
    assert (answer.headers["X-Tenant-ID"], answer.headers["X-User-Type"]) == (tenant.id, "consumer")

    key_id = tenant.key[17:25]
    suite.done("DELETE", f"/tenants/{tenant.id}/keys/{key_id}")
    refused = _judged(suite, tenant)
    assert (refused.status_code, refused.json()["code"]) == (401, "KEY_INVALID")


def _judged(suite: Suite, tenant: Tenant) -> httpx.Response:
    said = {"X-Forwarded-Method": "GET", "X-Forwarded-Host": "any.test", "X-Forwarded-Uri": "/things"}
    url = f"{suite.admin_url}/forward-auth?tenant={tenant.slug}"
    return httpx.get(url, headers={**said, "X-API-Key": tenant.key}, timeout=30, trust_env=False)
