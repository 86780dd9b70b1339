"""The tenants that have a place here: their schema, their reader's role, and the registry that names them.

A schema is made by ProvisionTenant alone, never from a record. Names come from `domain.tenants`, quoted.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final
from uuid import UUID
from zlib import crc32

import asyncpg

from domain.tenants import TenantId, schema_name
from svckit.migrations import load_migrations, migrate, migrate_all

SHARED_SCHEMA: Final = "telemetry"
_PACKAGE: Final = "telemetrysvc"
_REFRESH_SECONDS: Final = 1.0


class Tenants:
    """The known tenants, kept in memory by the 16 octets of their id and read again when one is missing.

    `migrate` comes first.
    """

    def __init__(self, pool: Any, clock: Callable[[], float] = time.monotonic) -> None:
        self._pool: Final = pool
        self._clock: Final = clock
        self._known: dict[bytes, str] = {}
        self._read_at = float("-inf")
        self._database = ""
        self._migrations: Final = load_migrations(_PACKAGE, "migrations/tenant")

    async def migrate(self) -> None:
        """Brings the registry and every tenant's schema to this release."""
        async with self._pool.acquire() as connection:
            self._database = await connection.fetchval("SELECT current_database()")
            await migrate(connection, SHARED_SCHEMA, load_migrations(_PACKAGE, "migrations/shared"))
        await self._read()
        await migrate_all(self._pool, list(self._known.values()), self._migrations)

    def role_of(self, tenant: TenantId) -> str:
        """The role under which a tenant's rows are read: it sees that tenant's schema and nothing else.

        Roles belong to the whole server, on which another cluster may have the same tenant (`default`): hence
        the database in the name.
        """
        return f"telemetry_{schema_name(tenant).removeprefix('tenant_')}_{crc32(self._database.encode()):08x}"

    async def schema_of(self, tenant: bytes) -> str | None:
        """The tenant's schema; None when it has none."""
        schema = self._known.get(tenant)
        if schema is None and self._clock() - self._read_at >= _REFRESH_SECONDS:
            await self._read()  # another replica may have provisioned it
            schema = self._known.get(tenant)
        return schema

    def forget(self, schema: str) -> None:
        """The schema was found gone, or is about to go."""
        self._known = {tenant: known for tenant, known in self._known.items() if known != schema}

    async def provision(self, tenant: TenantId) -> None:
        """Makes schema, tables, role and registry row; each step may have been done before."""
        schema, role = schema_name(tenant), self.role_of(tenant)
        async with self._pool.acquire() as connection:
            await migrate(connection, schema, self._migrations)
            await _make_role(connection, role)
            async with connection.transaction():
                await connection.execute(
                    f'GRANT "{role}" TO CURRENT_USER;'
                    f'GRANT USAGE ON SCHEMA "{schema}" TO "{role}";'
                    f'GRANT SELECT ON "{schema}".requests, "{schema}".error_events, "{schema}".health_snapshots'
                    f' TO "{role}"'
                )
                await connection.execute(
                    f"INSERT INTO {SHARED_SCHEMA}.tenants (tenant_id) VALUES ($1) ON CONFLICT DO NOTHING",  # noqa: S608
                    UUID(tenant),
                )
        self._known[UUID(tenant).bytes] = schema

    async def purge(self, tenant: TenantId) -> None:
        """Erases all of it; what is gone already stays gone."""
        schema, role = schema_name(tenant), self.role_of(tenant)
        self.forget(schema)
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("SET LOCAL lock_timeout = '30s'; SET LOCAL statement_timeout = '60s'")
            await connection.execute(f"DELETE FROM {SHARED_SCHEMA}.tenants WHERE tenant_id = $1", UUID(tenant))  # noqa: S608
            await connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')
            await connection.execute(f'DROP ROLE IF EXISTS "{role}"')

    async def _read(self) -> None:
        self._read_at = self._clock()
        rows = await self._pool.fetch(f"SELECT tenant_id FROM {SHARED_SCHEMA}.tenants")  # noqa: S608
        self._known = {row["tenant_id"].bytes: schema_name(TenantId(str(row["tenant_id"]))) for row in rows}


async def _make_role(connection: Any, role: str) -> None:
    if await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", role):
        return
    with suppress(asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):  # another replica was faster
        await connection.execute(f'CREATE ROLE "{role}" NOLOGIN')
