"""Where configsvc keeps things in its database, and how those places come to be.

`config` holds what stands outside tenants; each tenant's record and config history are in its own schema.
"""

from typing import Any, Final

from domain.tenants import TenantId, schema_name
from svckit.migrations import load_migrations, migrate

SHARED_SCHEMA: Final = "config"


def tenant_schema(tenant: TenantId) -> str:
    """The quoted schema of a tenant, fit for SQL: made from a validated UUID only."""
    return f'"{schema_name(tenant)}"'


async def migrate_shared(pool: Any) -> None:
    """Brings what stands outside tenants to the newest version."""
    async with pool.acquire() as connection:
        await migrate(connection, SHARED_SCHEMA, load_migrations("configsvc"))


async def migrate_tenant(pool: Any, tenant: TenantId) -> None:
    """Brings one tenant's schema to the newest version, creating it."""
    migrations = load_migrations("configsvc", "tenant_migrations")
    async with pool.acquire() as connection:
        await migrate(connection, schema_name(tenant), migrations)
        await connection.execute(
            "UPDATE config.tenants SET schema_version = $2 WHERE id = $1 AND schema_version < $2",
            tenant,
            len(migrations),
        )


async def migrate_tenants(pool: Any) -> None:
    """Brings every tenant's schema that is behind to the newest version; costs one query when none is."""
    newest = len(load_migrations("configsvc", "tenant_migrations"))
    rows = await pool.fetch("SELECT id FROM config.tenants WHERE schema_version < $1 ORDER BY id", newest)
    for row in rows:
        await migrate_tenant(pool, TenantId(str(row["id"])))
