"""A tenant's place: made once however often it is asked for, closed to others, and gone without a trace."""

import asyncpg
import grpc
import pytest
from penstock.auth.v1 import provisioning_service_pb2 as pb
from penstock.auth.v1.api_key_service_pb2 import ListApiKeysRequest
from penstock.errors.v1 import error_reason_pb2 as reasons

from authsvc import tenant_rows
from authsvc.migrate import migrate_database
from domain.tenants import DEFAULT_TENANT, schema_name
from svckit.errors import BY_NAME, from_rpc_error
from tests.authsvc.replica import Cluster, Replica, Tenant


async def test_a_repeated_registration_replaces_the_key_that_was_never_delivered(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        tenant = await replica.tenant()
        again = await replica.provisioning.ProvisionTenant(_registration(tenant))
        lost, kept = await replica.authenticate(tenant.api_key), await replica.authenticate(again.api_key)
    assert lost.rejection.reason == reasons.ERROR_REASON_KEY_INVALID
    assert kept.principal.tenant_id == tenant.id
    assert again.key_id == kept.principal.credential_id != tenant.key_id


async def test_the_default_tenant_gets_a_place_without_a_key_any_number_of_times(cluster: Cluster) -> None:
    request = pb.ProvisionTenantRequest(tenant_id=DEFAULT_TENANT, short_id="default0", request_id="start")
    async with cluster.replica() as replica:
        answers = [await replica.provisioning.ProvisionTenant(request) for _ in range(3)]
        created = await replica.create_key(DEFAULT_TENANT)
        assert (await replica.authenticate(created.secret)).principal.tenant_id == DEFAULT_TENANT
    assert {(answer.api_key, answer.key_id) for answer in answers} == {("", "")}


@pytest.mark.parametrize(
    "change",
    [{"request_id": "another"}, {"short_id": "Another0"}, {"tenant_id": "0195a1b2-0000-7000-8000-000000000001"}],
    ids=["another request", "another short id", "another tenant with this short id"],
)
async def test_a_registration_that_contradicts_is_refused(cluster: Cluster, change: dict[str, str]) -> None:
    async with cluster.replica() as replica:
        tenant = await replica.tenant()
        request = _registration(tenant)
        request.MergeFrom(pb.ProvisionTenantRequest(**change))  # type: ignore[arg-type]
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await replica.provisioning.ProvisionTenant(request)
        assert (await replica.authenticate(tenant.api_key)).HasField("principal")
    assert from_rpc_error(refused.value).reason == BY_NAME["ALREADY_EXISTS"]


async def test_every_wrong_field_is_named(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await replica.provisioning.ProvisionTenant(pb.ProvisionTenantRequest(request_id="with space"))
    paths = [field.path for field in from_rpc_error(refused.value).fields]
    assert paths == ["tenant_id", "short_id", "request_id"]


async def test_rows_stand_in_their_tenants_schema_and_in_no_other(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        mine, other = await replica.tenant(), await replica.tenant()
        made = await replica.create_key(mine.id, "canary-name", consumer="canary-consumer")
        connection = await asyncpg.connect(cluster.url)
        try:
            assert await _keys_in(connection, mine) == {mine.key_id, made.key.id}
            assert await _keys_in(connection, other) == {other.key_id}
            assert await _places_of(connection, "canary-name") == [f"{schema_name(mine.id)}.api_keys"]
            assert await _places_of(connection, "canary-consumer") == [f"{schema_name(mine.id)}.consumers"]
        finally:
            await connection.close()


async def test_a_tenants_role_cannot_read_another_tenants_rows(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        mine, other = await replica.tenant(), await replica.tenant()
    connection = await asyncpg.connect(cluster.url)
    try:
        for forbidden in (f"{tenant_rows.schema(other.id)}.api_keys", "registry.keys", "registry.peppers"):
            async with connection.transaction():
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    async with connection.transaction(), tenant_rows.as_tenant(connection, mine.id):
                        await connection.fetch(f"SELECT * FROM {forbidden}")  # noqa: S608
        assert await connection.fetchval("SELECT current_user = session_user")
    finally:
        await connection.close()


async def test_a_purge_leaves_no_schema_no_role_and_no_key(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        tenant, other = await replica.tenant(), await replica.tenant()
        for _ in range(2):
            await replica.provisioning.PurgeTenant(pb.PurgeTenantRequest(tenant_id=tenant.id))
        assert (await replica.authenticate(tenant.api_key)).rejection.reason == reasons.ERROR_REASON_KEY_INVALID
        assert (await replica.authenticate(other.api_key)).HasField("principal")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await replica.keys.ListApiKeys(ListApiKeysRequest(tenant_id=tenant.id))
        again = await replica.provisioning.ProvisionTenant(_registration(tenant))
        assert (await replica.authenticate(again.api_key)).HasField("principal")
        await replica.provisioning.PurgeTenant(pb.PurgeTenantRequest(tenant_id=tenant.id))
    connection = await asyncpg.connect(cluster.url)
    try:
        role = await tenant_rows.role_of(connection, tenant.id)
        assert await connection.fetchval("SELECT count(*) FROM pg_roles WHERE rolname = $1", role) == 0
        assert await connection.fetchval("SELECT to_regnamespace($1)", schema_name(tenant.id)) is None
    finally:
        await connection.close()
    assert from_rpc_error(refused.value).reason == BY_NAME["NOT_FOUND"]


async def test_a_tenant_whose_schema_is_gone_has_no_keys(cluster: Cluster) -> None:
    """What a look-up meets when a purge overtakes it."""
    async with cluster.replica() as replica:
        tenant = await replica.tenant()
        connection = await asyncpg.connect(cluster.url)
        await connection.execute(f"DROP SCHEMA {tenant_rows.schema(tenant.id)} CASCADE")
        await connection.close()
        answer = await replica.authenticate(tenant.api_key)
    assert answer.rejection.reason == reasons.ERROR_REASON_KEY_INVALID


@pytest.mark.parametrize(
    "damage",
    ["REVOKE ALL ON {schema}.api_keys FROM {role}", "DROP OWNED BY {role}; DROP ROLE {role}"],
    ids=["a table is closed", "a dump was restored without its roles"],
)
async def test_migrating_opens_what_is_closed_to_its_tenant(cluster: Cluster, damage: str) -> None:
    async with cluster.replica() as replica:
        tenant = await replica.tenant()
        async with asyncpg.create_pool(cluster.url, min_size=1, max_size=2) as pool:
            role = await tenant_rows.role_of(pool, tenant.id)
            await pool.execute(damage.format(schema=tenant_rows.schema(tenant.id), role=f'"{role}"'))
            await migrate_database(pool)
        assert (await replica.authenticate(tenant.api_key)).HasField("principal")


def _registration(tenant: Tenant) -> pb.ProvisionTenantRequest:
    """The call that made the tenant."""
    return pb.ProvisionTenantRequest(
        tenant_id=tenant.id, short_id=tenant.short_id, request_id=Replica.REGISTRATION, mint_key=True
    )


async def _keys_in(connection: asyncpg.Connection, tenant: Tenant) -> set[str]:
    rows = await connection.fetch(f"SELECT key_id FROM {tenant_rows.schema(tenant.id)}.api_keys")  # noqa: S608
    return {row["key_id"] for row in rows}


async def _places_of(connection: asyncpg.Connection, text: str) -> list[str]:
    """Every table of the database that has a row with this text."""
    tables = await connection.fetch(
        "SELECT schemaname AS s, tablename AS t FROM pg_tables"
        " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    )
    return [
        f"{table['s']}.{table['t']}"
        for table in tables
        if await connection.fetchval(
            f'SELECT count(*) FROM "{table["s"]}"."{table["t"]}" AS r WHERE r::text LIKE $1',  # noqa: S608
            f"%{text}%",
        )
    ]
