"""Enters one tenant's rows: its schema by full name, with the rights of the tenant's own role only.

Names are made here from a validated tenant id and nowhere else. A statement inside `as_tenant` that names
another tenant's schema fails in PostgreSQL, whatever the code meant.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

import asyncpg

from domain.tenants import TenantId, schema_name, tenant_of_schema
from svckit import postgres

REGISTRY: Final = "registry"
TABLES: Final = ("consumers", "api_keys", "provisions", "key_uses")
_DATABASE: Final = "left(encode(sha256(convert_to(current_database(), 'UTF8')), 'hex'), 8)"
_ENTER: Final = f"SELECT set_config('role', $1 || {_DATABASE}, true)"  # as SET LOCAL ROLE
_LEAVE: Final = "SELECT set_config('role', 'none', true)"
_OPEN: Final = """
SELECT bool_and(has_table_privilege(role.oid, to_regclass(name), 'DELETE'))
FROM pg_roles AS role, unnest($2::text[]) AS name WHERE role.rolname = $1
"""
# What entering a tenant that was never provisioned, or is being purged, runs into.
NOT_THERE: Final = (
    asyncpg.UndefinedTableError,
    asyncpg.InvalidSchemaNameError,
    asyncpg.UndefinedObjectError,
    asyncpg.InvalidParameterValueError,  # SET ROLE to a role that does not exist
)


def schema(tenant: TenantId) -> str:
    """The tenant's schema as it stands in SQL."""
    return f'"{schema_name(tenant)}"'


def tenant_of(value: object) -> TenantId:
    """The tenant id in a `uuid` column."""
    return TenantId(str(value))


@asynccontextmanager
async def as_tenant(connection: Any, tenant: TenantId) -> AsyncIterator[str]:
    """Runs the block with the tenant's rights and yields its quoted schema; to be used inside a transaction.

    A local setting ends with the transaction, so a failing block cannot leave the role behind.
    """
    await connection.execute(_ENTER, _role_prefix(tenant))
    yield schema(tenant)
    await connection.execute(_LEAVE)


async def role_of(connection: Any, tenant: TenantId) -> str:
    """The NOLOGIN role that may use the tenant's schema: `auth_<32 hex>_<8 hex of the database's name>`.

    Roles belong to the whole server, on which another cluster may have the same tenant (`default`).
    """
    return _role_prefix(tenant) + str(await connection.fetchval(f"SELECT {_DATABASE}"))


async def create(connection: Any, tenant: TenantId) -> None:
    """Makes the tenant's role, if it is not there, and lets the service enter it."""
    role = await role_of(connection, tenant)
    if await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role) is None:
        await connection.execute(f'CREATE ROLE "{role}" NOLOGIN')
    await connection.execute(f'GRANT "{role}" TO CURRENT_USER')


async def grant(connection: Any, tenant: TenantId) -> None:
    """Opens the tenant's tables to its role; the ledger of migrations stays closed."""
    role = await role_of(connection, tenant)
    tables = ", ".join(f"{schema(tenant)}.{table}" for table in TABLES)
    await connection.execute(f'GRANT USAGE ON SCHEMA {schema(tenant)} TO "{role}"')
    await connection.execute(f'GRANT SELECT, INSERT, UPDATE, DELETE ON {tables} TO "{role}"')


async def drop(connection: Any, tenant: TenantId) -> None:
    """Erases the tenant's schema and role; changes nothing when they are gone."""
    await connection.execute(f"DROP SCHEMA IF EXISTS {schema(tenant)} CASCADE")
    await connection.execute(f'DROP ROLE IF EXISTS "{await role_of(connection, tenant)}"')


async def provisioned(connection: Any) -> list[str]:
    """The schemas of all tenants that the registry knows."""
    rows = await connection.fetch(f"SELECT tenant_id FROM {REGISTRY}.tenants ORDER BY tenant_id")  # noqa: S608
    return [schema_name(tenant_of(row["tenant_id"])) for row in rows]


async def reopen(connection: Any, schemas: Sequence[str]) -> None:
    """Makes and opens what is closed to its role: a table that a migration made, or all after a restored dump."""
    for tenant in filter(None, map(tenant_of_schema, schemas)):
        tables = [f"{schema(tenant)}.{table}" for table in TABLES]
        if not await connection.fetchval(_OPEN, await role_of(connection, tenant), tables):
            async with alone(connection, tenant):
                await create(connection, tenant)
                await grant(connection, tenant)


def alone(connection: Any, tenant: TenantId) -> AbstractAsyncContextManager[None]:
    """One maker or breaker of a tenant's place at a time: PostgreSQL fails one of two that change the rights of a
    table at the same time."""
    return postgres.alone(connection, f"authsvc:{tenant}")


def _role_prefix(tenant: TenantId) -> str:
    return "auth_" + schema_name(tenant).removeprefix("tenant_") + "_"
