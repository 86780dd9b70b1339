"""Makes and erases a tenant's place: role, schema, registry entry, first key. Every step may be repeated.

The registry entry comes last, so that a tenant which is known has everything; a call that died on the way is
taken up by the next one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
from penstock.errors.v1 import error_reason_pb2 as reasons

from authsvc import key_store, tenant_rows
from authsvc.invalidations.log import Scope, append
from authsvc.key_records import KeyWish
from authsvc.peppers import Peppers
from authsvc.tenant_rows import REGISTRY, alone, as_tenant
from domain.api_keys import ParsedKey
from domain.key_lives import KeyState
from domain.tenants import TenantId, schema_name
from svckit.errors import Fault
from svckit.migrations import Migration, migrate

FIRST_KEY: Final = KeyWish(name="initial", consumer="initial")


@dataclass(frozen=True, slots=True)
class Registration:
    """A tenant to provision; `request_id` tells a repeated call from another one."""

    tenant: TenantId
    short_id: str
    request_id: str
    mint_key: bool


class Provisioner:
    """Provisions and purges tenants."""

    def __init__(self, pool: Any, peppers: Peppers, migrations: Sequence[Migration]) -> None:
        self._pool = pool
        self._peppers = peppers
        self._migrations = migrations

    async def provision(self, wanted: Registration) -> ParsedKey | None:
        """The tenant's first key, when one is wanted. A repeated call ends the key of the earlier one.

        Raises ALREADY_EXISTS when the tenant has another short id, the short id another tenant, or another
        request has minted the first key.
        """
        async with self._pool.acquire() as connection, alone(connection, wanted.tenant):
            await _check_short_id(connection, wanted)
            await tenant_rows.create(connection, wanted.tenant)
            await migrate(connection, schema_name(wanted.tenant), self._migrations)
            try:
                async with connection.transaction():
                    await tenant_rows.grant(connection, wanted.tenant)
                    await _register(connection, wanted)
                    return await self._mint(connection, wanted) if wanted.mint_key else None
            except asyncpg.UniqueViolationError as error:
                raise _taken("the short id belongs to another tenant") from error

    async def purge(self, tenant: TenantId) -> None:
        """Erases the tenant's schema, role and registry entries, and ends what edges have cached of it."""
        async with self._pool.acquire() as connection, alone(connection, tenant), connection.transaction():
            known = await key_store.short_id_of(connection, tenant)
            await connection.execute(f"DELETE FROM {REGISTRY}.tenants WHERE tenant_id = $1", tenant)  # noqa: S608
            await tenant_rows.drop(connection, tenant)
            if known is not None:
                await append(connection, Scope.TENANT, tenant, tenant)

    async def _mint(self, connection: Any, wanted: Registration) -> ParsedKey:
        earlier = await _earlier_key(connection, wanted)
        if earlier is not None:
            undelivered = await key_store.find(connection, wanted.tenant, wanted.short_id, earlier, lock=True)
            if undelivered is not None:
                await key_store.put(connection, undelivered, KeyState.REVOKED)
        record, secret = await key_store.insert(connection, wanted.tenant, wanted.short_id, FIRST_KEY, self._peppers)
        async with as_tenant(connection, wanted.tenant) as schema:
            await connection.execute(
                f"INSERT INTO {schema}.provisions (request_id, key_id) VALUES ($1, $2) "  # noqa: S608
                "ON CONFLICT (request_id) DO UPDATE SET key_id = EXCLUDED.key_id",
                wanted.request_id,
                record.key_id,
            )
        return secret


async def _earlier_key(connection: Any, wanted: Registration) -> str | None:
    """The key that an earlier call of this registration made."""
    async with as_tenant(connection, wanted.tenant) as schema:
        rows = await connection.fetch(f"SELECT request_id, key_id FROM {schema}.provisions")  # noqa: S608
    keys: dict[str, str] = {row["request_id"]: row["key_id"] for row in rows}
    if keys and wanted.request_id not in keys:
        raise _taken("another request has registered the tenant")
    return keys.get(wanted.request_id)


async def _check_short_id(connection: Any, wanted: Registration) -> None:
    known = await key_store.short_id_of(connection, wanted.tenant)
    if known is not None and known != wanted.short_id:
        raise _taken("the tenant has another short id")


async def _register(connection: Any, wanted: Registration) -> None:
    await connection.execute(
        f"INSERT INTO {REGISTRY}.tenants (tenant_id, short_id) VALUES ($1, $2) "  # noqa: S608
        "ON CONFLICT (tenant_id) DO NOTHING",
        wanted.tenant,
        wanted.short_id,
    )


def _taken(detail: str) -> Fault:
    return Fault(reasons.ERROR_REASON_ALREADY_EXISTS, detail)
