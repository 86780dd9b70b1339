"""Tokens of the management API."""

from datetime import UTC, datetime, timedelta

import asyncpg
import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from penstock.auth.v1 import admin_token_service_pb2 as pb

from authsvc.admin_tokens import AdminTokens, TokenWish
from authsvc.peppers import Peppers
from domain import api_keys
from domain.tenants import DEFAULT_TENANT
from svckit.errors import from_rpc_error
from tests.authsvc.replica import Cluster


async def test_a_token_proves_its_role_until_it_is_revoked(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        created = await replica.admin_tokens.CreateAdminToken(
            pb.CreateAdminTokenRequest(name="ops", role=pb.ADMIN_ROLE_TENANT_ADMIN, tenant_id=DEFAULT_TENANT)
        )
        asked = pb.AuthenticateAdminTokenRequest(secret=created.secret)
        known = await replica.admin_tokens.AuthenticateAdminToken(asked)
        for _ in range(2):
            await replica.admin_tokens.RevokeAdminToken(pb.RevokeAdminTokenRequest(token_id=created.token.id))
        ended = await replica.admin_tokens.AuthenticateAdminToken(asked)
    assert known.token == created.token
    assert (known.token.role, known.token.tenant_id) == (pb.ADMIN_ROLE_TENANT_ADMIN, DEFAULT_TENANT)
    assert not ended.HasField("token")


async def test_its_secret_is_stored_nowhere(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        created = await replica.admin_tokens.CreateAdminToken(
            pb.CreateAdminTokenRequest(name="ops", role=pb.ADMIN_ROLE_OPERATOR)
        )
    connection = await asyncpg.connect(cluster.url)
    row = await connection.fetchval("SELECT t::text FROM registry.admin_tokens t")
    await connection.close()
    assert created.token.id in row
    assert created.secret[13:45] not in row


@pytest.mark.parametrize("secret", ["", "psa_nonsense", "AbsentId", "psk_live_"])
async def test_what_is_no_token_proves_nobody(cluster: Cluster, secret: str) -> None:
    if secret == "AbsentId":
        secret = api_keys.compose_admin_token("AbsentId", bytes(32)).value.decode()
    async with cluster.replica() as replica:
        answer = await replica.admin_tokens.AuthenticateAdminToken(pb.AuthenticateAdminTokenRequest(secret=secret))
    assert not answer.HasField("token")


async def test_a_token_ends_at_its_expiry(cluster: Cluster) -> None:
    now = datetime.now(UTC)
    clock = [now]
    async with asyncpg.create_pool(cluster.url, min_size=1, max_size=1) as pool:
        await pool.execute("INSERT INTO registry.peppers (pepper_id, ciphertext) VALUES (1, '')")
        tokens = AdminTokens(pool, Peppers({1: bytes(32)}), lambda: clock[0])
        record, secret = await tokens.create(TokenWish("ops", 1, None, now + timedelta(hours=1)))
        assert await tokens.authenticate(secret.value) == record
        clock[0] = now + timedelta(hours=1)
        assert await tokens.authenticate(secret.value) is None


@pytest.mark.parametrize(
    ("request_", "paths"),
    [
        (pb.CreateAdminTokenRequest(), ["name", "role"]),
        (pb.CreateAdminTokenRequest(name="x", role=pb.ADMIN_ROLE_TENANT_VIEWER), ["tenant_id"]),
        (pb.CreateAdminTokenRequest(name="x", role=pb.ADMIN_ROLE_OPERATOR, tenant_id=DEFAULT_TENANT), ["tenant_id"]),
        (
            pb.CreateAdminTokenRequest(name="x", role=pb.ADMIN_ROLE_OPERATOR, expire_time=Timestamp(seconds=1)),
            ["expire_time"],
        ),
    ],
    ids=["nothing", "viewer without tenant", "operator of a tenant", "in the past"],
)
async def test_wrong_fields_are_named(cluster: Cluster, request_: pb.CreateAdminTokenRequest, paths: list[str]) -> None:
    async with cluster.replica() as replica:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await replica.admin_tokens.CreateAdminToken(request_)
    assert [field.path for field in from_rpc_error(refused.value).fields] == paths


async def test_an_unknown_token_cannot_be_revoked(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await replica.admin_tokens.RevokeAdminToken(pb.RevokeAdminTokenRequest(token_id="AbsentId"))
    assert refused.value.code() == grpc.StatusCode.NOT_FOUND
