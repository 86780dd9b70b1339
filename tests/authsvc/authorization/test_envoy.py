"""A real Envoy has its requests judged: what its clients see, and what arrives behind it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from penstock.auth.v1.api_key_service_pb2 import RevokeApiKeyRequest
from penstock.config.v1 import tenant_pb2

from domain.identity_fields import IDENTITY, fold
from tests.authsvc.replica import Cluster, Tenant
from tests.edge.spoofs import spoofs
from tests.support.envoys import Envoy
from tests.support.recorders import Recorder, recorder

from .envoys import guarded_envoy
from .serving import Judging, judging

TOKEN = "correct-horse-battery-staple"
PLACES = {
    "/acme": {"tenant": "acme"},
    "/read": {"scopes": "read"},
    "/open": {"auth": "optional"},
    "/unseen": {"auth": "none"},
    "/wrong": {"auth": "maybe"},
    "/": {},
}


@dataclass(frozen=True, slots=True)
class Guarded:
    """An Envoy with what judges and what stands behind it."""

    envoy: Envoy
    judging: Judging
    behind: Recorder

    async def get(self, path: str, tenant: Tenant | None = None, method: str = "GET", **fields: str) -> Any:
        """The answer to a request with the tenant's key."""
        credential = {} if tenant is None else {b"x-api-key": tenant.api_key.encode()}
        others = {name.replace("_", "-").encode(): value.encode() for name, value in fields.items()}
        return await self.envoy.get(path, {**credential, **others}, method)


@pytest.fixture
async def guarded(short_dir: Path, cluster: Cluster) -> AsyncIterator[Guarded]:
    async with (
        judging(short_dir, cluster) as service,
        recorder(short_dir) as behind,
        guarded_envoy(short_dir, service.target, PLACES, behind.socket) as envoy,
    ):
        yield Guarded(envoy, service, behind)


async def test_what_goes_on_says_who_is_calling_and_carries_no_credential(guarded: Guarded) -> None:
    acme = await guarded.judging.tenant("acme", tier="gold", parent="0192c7a0-0000-7000-8000-00000000000b")
    answer = await guarded.get("/things", acme)
    assert (answer.status_code, answer.text) == (200, "here\n")
    seen = guarded.behind.fields()
    assert (seen["x-tenant-id"], seen["x-user-type"], seen["x-forwarded-by"]) == (acme.id, "consumer", "penstock")
    assert (seen["x-subscription-tier"], seen["x-subscription-status"], seen["x-is-demo"]) == (
        "gold",
        "active",
        "false",
    )
    assert seen["x-parent-tenant-id"] == "0192c7a0-0000-7000-8000-00000000000b"
    assert len(seen["x-user-id"]) == len(seen["x-request-id"]) == 36
    assert acme.api_key.encode() not in guarded.behind.heads[-1]
    assert {"x-api-key", "authorization"} & seen.keys() == set()


@pytest.mark.parametrize("path", ["/things", "/open", "/unseen"], ids=["a caller", "nobody", "not looked at"])
async def test_no_spelling_of_an_identity_arrives(guarded: Guarded, path: str) -> None:
    tenant = await guarded.judging.tenant("acme")
    names = sorted({name.lower() for name in spoofs()})
    # The one is refused in other spellings, the other kept where it is well formed.
    spoofed = [name for name in names if fold(name) != b"x-tenant-id" and name != b"x-request-id"]
    for start in range(0, len(spoofed), 50):
        fields = {name: b"spoofed" for name in spoofed[start : start + 50]}
        key = {b"x-api-key": tenant.api_key.encode()} if path == "/things" else {}
        assert (await guarded.envoy.get(path, {**fields, **key})).status_code == 200
    heads = b"".join(guarded.behind.heads)
    assert len(guarded.behind.heads) > 5
    assert b"spoofed" not in heads
    assert {fold(name.encode()) for name in guarded.behind.fields()} & IDENTITY >= {b"x-tenant-id", b"x-is-demo"}


async def test_no_client_has_envoy_drop_who_is_calling(guarded: Guarded) -> None:
    acme = await guarded.judging.tenant("acme")
    fields = {b"x-api-key": acme.api_key.encode(), b"connection": b"close, x-user-id, x-tenant-id"}
    assert (await guarded.envoy.get("/things", fields)).status_code == 200
    assert guarded.behind.fields()["x-tenant-id"] == acme.id
    assert "x-user-id" in guarded.behind.fields()


async def test_another_spelling_of_the_tenant_is_refused(guarded: Guarded) -> None:
    answer = await guarded.envoy.get("/open", {b"x_tenant_id": b"spoofed"})
    assert (answer.status_code, answer.json()["code"]) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("how", ["none", "malformed", "unknown", "foreign", "two", "basic"])
async def test_who_proves_nothing_is_told_so(guarded: Guarded, how: str) -> None:
    await guarded.judging.tenant("acme")
    other = await guarded.judging.tenant("other")
    fields: dict[str, dict[bytes, bytes]] = {
        "none": {},
        "malformed": {b"x-api-key": b"psk_live_nonsense"},
        "unknown": {b"x-api-key": other.api_key[:-1].encode() + b"!"},
        "foreign": {b"x-api-key": other.api_key.encode()},
        "two": {b"x-api-key": other.api_key.encode(), b"authorization": b"Bearer x"},
        "basic": {b"authorization": b"Basic YTpi"},
    }
    codes = {"none": "TOKEN_MISSING", "two": "CREDENTIALS_CONFLICT", "basic": "TOKEN_INVALID"}
    answer = await guarded.envoy.get("/acme/things?q=1", fields[how])
    problem = answer.json()
    assert answer.headers.get_list("content-type") == ["application/problem+json"]
    assert (problem["code"], problem["status"]) == (codes.get(how, "KEY_INVALID"), answer.status_code)
    assert answer.status_code == (400 if how == "two" else 401)
    assert ("www-authenticate" in answer.headers) == (answer.status_code == 401)
    assert (problem["instance"], problem["request_id"]) == ("/acme/things", answer.headers["x-request-id"])
    assert guarded.behind.heads == []


async def test_a_bearer_is_a_credential_too(guarded: Guarded) -> None:
    acme = await guarded.judging.tenant("acme")
    assert (await guarded.get("/acme", authorization=f"Bearer {acme.api_key}")).status_code == 200
    assert b"psk_" not in guarded.behind.heads[-1]


async def test_a_place_asks_for_scopes(guarded: Guarded) -> None:
    acme = await guarded.judging.tenant("acme")
    reader = await guarded.judging.replica.create_key(acme.id, "reader", scopes=["read"])
    refused = await guarded.get("/read", acme)
    assert (refused.status_code, refused.json()["detail"]) == (403, "missing scopes: read")
    assert (await guarded.envoy.get("/read", {b"x-api-key": reader.secret.encode()})).status_code == 200


async def test_a_tenant_that_is_not_served_has_no_requests(guarded: Guarded) -> None:
    status = tenant_pb2.TENANT_STATUS_SUSPENDED
    suspended = await guarded.judging.tenant("suspended", status=status)
    frozen = await guarded.judging.tenant("frozen", read_only=True)
    ended = await guarded.judging.tenant("ended", valid_until=1)
    assert (await guarded.get("/", suspended)).json()["code"] == "TENANT_SUSPENDED"
    assert (await guarded.get("/", ended)).status_code == 402
    statuses = [(await guarded.get("/", frozen, method)).status_code for method in ("GET", "POST")]
    assert statuses == [200, 423]


async def test_a_revoked_key_is_refused_at_once(guarded: Guarded) -> None:
    acme = await guarded.judging.tenant("acme")
    assert [(await guarded.get("/", acme)).status_code for _ in range(2)] == [200, 200]
    await guarded.judging.replica.keys.RevokeApiKey(RevokeApiKeyRequest(tenant_id=acme.id, key_id=acme.key_id))
    assert (await guarded.get("/", acme)).status_code == 401


async def test_octets_of_a_client_are_judged_like_any_others(guarded: Guarded) -> None:
    for value in (b"\xff\xfe", "ünï".encode(), b"v" * 20_000):
        answer = await guarded.envoy.get("/%ff%fe/x", {b"x-api-key": value, b"x-odd": value})
        assert (answer.status_code, answer.json()["code"]) == (401, "KEY_INVALID")


async def test_a_fault_in_envoys_config_is_an_error_of_ours_to_clients(guarded: Guarded) -> None:
    answer = await guarded.get("/wrong")
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL")
    assert answer.headers.get_list("content-type") == ["application/problem+json"]


@pytest.mark.parametrize("allow", [False, True], ids=["by default", "failure_mode_allow"])
async def test_what_cannot_be_judged_is_told_to_come_back(short_dir: Path, cluster: Cluster, allow: bool) -> None:
    """Unless Envoy's config would have it pass, which then takes the client's word for who is calling."""
    async with (
        judging(short_dir, cluster) as service,
        recorder(short_dir) as behind,
        guarded_envoy(short_dir, service.target, PLACES, behind.socket, failure_mode_allow=allow) as envoy,
    ):
        for tenant in list(service.tenants.by_id):
            service.tenants.drop(tenant)
        answer = await envoy.get("/things", {b"x-user-id": b"spoofed"})
        if allow:
            assert (answer.status_code, behind.fields()["x-user-id"]) == (200, "spoofed")
            return
        assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "NOT_READY", "1")
        assert behind.heads == []


@pytest.mark.parametrize(("token", "status"), [(TOKEN, 401), ("another", 403)])
async def test_envoy_can_present_a_token(short_dir: Path, cluster: Cluster, token: str, status: int) -> None:
    async with (
        judging(short_dir, cluster, token=TOKEN) as service,
        recorder(short_dir) as behind,
        guarded_envoy(short_dir, service.target, PLACES, behind.socket, token=token) as envoy,
    ):
        assert (await envoy.get("/things")).status_code == status


async def test_fields_may_come_raw(short_dir: Path, cluster: Cluster) -> None:
    async with (
        judging(short_dir, cluster) as service,
        recorder(short_dir) as behind,
        guarded_envoy(short_dir, service.target, PLACES, behind.socket, encode_raw_headers=True) as envoy,
    ):
        acme = await service.tenant("acme")
        key, odd = {b"x-api-key": acme.api_key.encode()}, {b"x_user_id": b"\xff", b"x-user-role": b"\xfe"}
        assert (await envoy.get("/things", {**key, **odd})).status_code == 200
        assert behind.fields()["x-tenant-id"] == acme.id
        assert {"x_user_id", "x-user-role"} & behind.fields().keys() == set()
