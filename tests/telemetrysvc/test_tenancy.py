"""What belongs to a tenant is seen by that tenant alone, and lies in its own schema alone."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import grpc
import pytest
from penstock.telemetry.v1.provisioning_service_pb2 import ProvisionTenantRequest
from penstock.telemetry.v1.query_service_pb2 import ListErrorsRequest, ListHealthRequest, ListRequestsRequest
from penstock.telemetry.v1.record_pb2 import HealthSnapshot

from domain.tenants import TenantId, schema_name
from svckit.ids import uuid7
from tests.telemetrysvc.clients import Clients
from tests.telemetrysvc.records import batch, request

# What may stand outside tenants' schemas.
SHARED_TABLES = {"telemetry.tenants", "telemetry.schema_migrations"}

TEXTS = (
    *("request_id", "path", "route", "service", "code", "consumer", "principal_id", "credential_id", "host"),
    *("upstream", "user_agent"),
)
# Of a request, its error event and a health snapshot.
CANARIES = len(TEXTS) + 5 + 3


async def ship_canaries(collector: Clients, tenant: TenantId) -> str:
    """Stores records whose every text holds a word that no other tenant's has; returns the word."""
    canary = f"canary-{tenant}"
    record = request(tenant, status=500, **dict.fromkeys(TEXTS, canary))
    health = HealthSnapshot(
        id=uuid7().bytes, tenant_id=UUID(tenant).bytes, service=canary, target=canary, reason=canary
    )
    health.time.FromDatetime(datetime.now(UTC))
    await collector.ship(batch([record], health=[health]))
    return canary


async def everything(collector: Clients, tenant: TenantId) -> str:
    query: Any = collector.query
    answers = (
        await query.ListRequests(ListRequestsRequest(tenant_id=tenant)),
        await query.ListErrors(ListErrorsRequest(tenant_id=tenant)),
        await query.ListHealth(ListHealthRequest(tenant_id=tenant)),
    )
    return "".join(map(str, answers))


async def test_tenants_never_see_each_others_rows_under_concurrent_reads(collector: Clients) -> None:
    tenants = [await collector.new_tenant() for _ in range(8)]
    canaries = {tenant: await ship_canaries(collector, tenant) for tenant in tenants}

    answers = await asyncio.gather(*(everything(collector, tenant) for tenant in tenants * 10))

    for tenant, text in zip(tenants * 10, answers, strict=True):
        assert text.count(canaries[tenant]) == CANARIES
        assert not any(canary in text for other, canary in canaries.items() if other != tenant)


async def test_one_batch_of_many_tenants_is_sorted_into_their_schemas(collector: Clients) -> None:
    tenants = [await collector.new_tenant() for _ in range(5)]
    await collector.ship(batch(request(tenant, path=f"/{tenant}") for tenant in tenants * 3))
    for tenant in tenants:
        listed = await collector.query.ListRequests(ListRequestsRequest(tenant_id=tenant))
        assert [record.path for record in listed.requests] == [f"/{tenant}"] * 3


async def test_no_table_outside_tenants_schemas_holds_rows_of_tenants(collector: Clients, database_url: str) -> None:
    tenants = [await collector.new_tenant() for _ in range(2)]
    canaries = [await ship_canaries(collector, tenant) for tenant in tenants]
    connection = await asyncpg.connect(database_url)
    try:
        tables = await connection.fetch(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        shared = {
            f"{row['schemaname']}.{row['tablename']}" for row in tables if not row["schemaname"].startswith("tenant_")
        }
        assert shared == SHARED_TABLES
        for row in tables:
            content = str(await connection.fetch(f'SELECT * FROM "{row["schemaname"]}"."{row["tablename"]}"'))  # noqa: S608
            for tenant, canary in zip(tenants, canaries, strict=True):
                assert canary not in content or row["schemaname"] == schema_name(tenant)
    finally:
        await connection.close()


async def test_a_readers_role_sees_one_schema_and_cannot_write(collector: Clients, database_url: str) -> None:
    mine, other = await collector.new_tenant(), await collector.new_tenant()
    await collector.ship(batch([request(mine), request(other)]))
    connection = await asyncpg.connect(database_url)
    try:
        role = await connection.fetchval(
            "SELECT rolname FROM pg_roles WHERE rolname LIKE $1 AND NOT rolcanlogin",
            f"telemetry_{UUID(mine).hex}%",
        )
        await connection.execute(f'SET ROLE "{role}"')
        assert await connection.fetchval(f"SELECT count(*) FROM {schema_name(mine)}.requests") == 1  # noqa: S608
        forbidden = (
            f"SELECT * FROM {schema_name(other)}.requests",  # noqa: S608
            f"DELETE FROM {schema_name(mine)}.requests",  # noqa: S608
            "SELECT * FROM telemetry.tenants",
        )
        for statement in forbidden:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


async def test_rows_are_read_under_the_tenants_role_and_no_other(collector: Clients, database_url: str) -> None:
    tenant = await collector.new_tenant()
    connection = await asyncpg.connect(database_url)
    try:
        role = await connection.fetchval("SELECT rolname FROM pg_roles WHERE rolname LIKE $1", f"%{UUID(tenant).hex}%")
        await connection.execute(f'REVOKE SELECT ON {schema_name(tenant)}.requests FROM "{role}"')  # noqa: S608
    finally:
        await connection.close()
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await collector.query.ListRequests(ListRequestsRequest(tenant_id=tenant))
    assert refusal.value.code() is grpc.StatusCode.INTERNAL


async def test_provisioning_twice_changes_nothing_and_a_purge_leaves_nothing(
    collector: Clients, database_url: str
) -> None:
    tenant = await collector.new_tenant()
    await collector.ship(batch([request(tenant)]))
    await collector.provisioning.ProvisionTenant(ProvisionTenantRequest(tenant_id=tenant))
    assert len((await collector.query.ListRequests(ListRequestsRequest(tenant_id=tenant))).requests) == 1

    await collector.purge(tenant)
    await collector.purge(tenant)

    connection = await asyncpg.connect(database_url)
    try:
        left = await connection.fetchval(
            "SELECT (SELECT count(*) FROM pg_namespace WHERE nspname LIKE $1)"
            " + (SELECT count(*) FROM pg_roles WHERE rolname LIKE $1)",
            f"%{UUID(tenant).hex}%",
        )
        assert left == 0
    finally:
        await connection.close()


async def test_a_tenant_can_be_provisioned_by_many_at_once(collector: Clients) -> None:
    tenant = await collector.new_tenant()
    await collector.purge(tenant)
    wanted = ProvisionTenantRequest(tenant_id=tenant)
    await asyncio.gather(*(collector.provisioning.ProvisionTenant(wanted) for _ in range(8)))
    (answer,) = await collector.ship(batch([request(tenant)]))
    assert (answer.committed, answer.refused) == (True, 0)
