"""A real Envoy is limited by what the tenant has published, and has its callers judged as the tenant stands."""

import asyncio
from pathlib import Path

import httpx

from tests.authsvc.authorization.envoys import guarded_envoy
from tests.e2e.suite import Suite
from tests.ratelimitsvc.envoy.envoys import limited_envoy
from tests.support.envoys import Envoy
from tests.support.recorders import recorder

RULES = {"/login": [[{"generic_key": {"descriptor_value": "login"}}]]}
DEADLINE_SECONDS = 15


async def test_what_a_tenant_publishes_limits_its_envoy(suite: Suite, short_dir: Path, envoy_listen: str) -> None:
    tenant = suite.register()
    async with limited_envoy(short_dir, envoy_listen, RULES, domain=tenant.slug) as envoy:
        assert "RateLimit" not in (await envoy.get("/login")).headers

        _publish(suite, tenant.id, "2/min")
        first = await _limited(envoy)
        assert first.headers["RateLimit-Policy"] == '"login";q=2;w=60'
        assert [(await envoy.get("/login")).status_code for _ in range(2)] == [200, 429]

        # another limit on the same counter, which goes on
        _publish(suite, tenant.id, "3/min")
        async with asyncio.timeout(DEADLINE_SECONDS):
            while (answer := await envoy.get("/login")).status_code == 429:
                assert answer.json()["violated-policies"] == ["login"]
        assert answer.headers["RateLimit"].startswith('"login";r=0;')


async def test_an_envoy_serves_whom_the_tenant_knows_and_as_long_as_it_is_served(
    suite: Suite, short_dir: Path, envoy_auth_listen: str
) -> None:
    tenant = suite.register("envoy-auth.test")
    key = {b"host": b"envoy-auth.test", b"x-api-key": tenant.key.encode()}
    async with (
        recorder(short_dir) as behind,
        guarded_envoy(short_dir, envoy_auth_listen, {"/": {}}, behind.socket) as envoy,
    ):
        async with asyncio.timeout(DEADLINE_SECONDS):
            while (await envoy.get("/", key)).status_code != 200:  # authsvc learns of the tenant
                pass
        assert behind.fields()["x-tenant-id"] == tenant.id
        assert (await envoy.get("/", {b"host": b"envoy-auth.test"})).json()["code"] == "TOKEN_MISSING"

        suite.done("PATCH", f"/tenants/{tenant.id}", {"status": "suspended"})
        async with asyncio.timeout(DEADLINE_SECONDS):
            while (answer := await envoy.get("/", key)).status_code == 200:
                pass
        assert (answer.status_code, answer.json()["code"]) == (403, "TENANT_SUSPENDED")


def _publish(suite: Suite, tenant_id: str, limit: str) -> None:
    descriptor = {"match": ["generic_key=login"], "limit": limit, "name": "login"}
    suite.done("PUT", f"/tenants/{tenant_id}/config", {"limits": {"descriptors": [descriptor]}})


async def _limited(envoy: Envoy) -> httpx.Response:
    """The first answer under a limit: policies are pushed, and not waited for by who publishes."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while "RateLimit" not in (answer := await envoy.get("/login")).headers:
            pass
    return answer
