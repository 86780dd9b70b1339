"""Brings the registry and every tenant's schema to the newest version: `python -m authsvc migrate`."""

from typing import Any, Final

from authsvc import tenant_rows
from authsvc.settings import AuthSettings
from svckit.migrations import load_migrations, migrate, migrate_all
from svckit.postgres import open_pool

PACKAGE: Final = "authsvc"
REGISTRY_FOLDER: Final = "migrations/registry"
TENANT_FOLDER: Final = "migrations/tenant"


async def run(settings: AuthSettings) -> None:
    """Opens the database and migrates it; waits for the server, raises what it refuses."""
    url = settings.database_url.get_secret_value()
    async with open_pool(url, application="authsvc-migrate", max_size=4) as pool:
        await migrate_database(pool)


async def migrate_database(pool: Any) -> None:
    """Migrates over an open pool; several processes may do so at once."""
    async with pool.acquire() as connection:
        await migrate(connection, tenant_rows.REGISTRY, load_migrations(PACKAGE, REGISTRY_FOLDER))
        schemas = await tenant_rows.provisioned(connection)
    await migrate_all(pool, schemas, load_migrations(PACKAGE, TENANT_FOLDER))
    async with pool.acquire() as connection:
        await tenant_rows.reopen(connection, schemas)
