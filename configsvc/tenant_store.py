"""The tenants in PostgreSQL: claimed, activated, changed, read. Each change takes one revision in its transaction.

Locks are always taken in one order: the tenant's row first, the lock of parents, the revision's row last.
"""

from collections.abc import Sequence
from typing import Any

import asyncpg
from penstock.config.v1 import tenant_pb2
from penstock.errors.v1 import error_reason_pb2 as reasons

from configsvc.claims import Claim, abandoned, check_claim, claimed
from configsvc.hosts import move_hosts
from configsvc.parents import check_parent
from configsvc.records import TENANT_COLUMNS, insert_record_sql, record_values, update_record_sql
from configsvc.revisions import next_revision
from configsvc.schema import tenant_schema
from configsvc.tenant_states import read_tenant, tenants_of
from configsvc.version_store import check_expected, insert_version
from domain.tenants import TenantId
from svckit.errors import Fault, FieldFault


class TenantStore:
    """Reads and writes tenants through an asyncpg pool."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    async def claim(self, new: Claim) -> Claim:
        """The tenant of this registration, made PROVISIONING if it is not there; its id and short id may be older.

        ALREADY_EXISTS, naming the fields, when the slug or a host is another's or the registration wanted something
        else before; UNAVAILABLE while what is left of an abandoned one is being removed.
        """
        while True:
            try:
                async with self._pool.acquire() as connection, connection.transaction():
                    return await claimed(connection, new)
            except asyncpg.UniqueViolationError:
                continue  # somebody committed the same between look and insert: the next look sees it

    async def activate(self, claim: Claim, config: bytes) -> int:
        """Gives a claimed tenant its record and version 1, and serves it; the revision of its newest state.

        A tenant that has a version keeps everything as it is. ALREADY_EXISTS when another call has taken the
        registration over, UNAVAILABLE when it was removed.
        """
        tenant = claim.tenant
        async with self._pool.acquire() as connection, connection.transaction():
            await check_claim(connection, claim)
            row = await _locked(connection, tenant)
            if row["config_version"]:
                return int(row["revision"])
            await connection.execute(insert_record_sql(tenant), *record_values(claim.record))
            revision = await next_revision(connection)
            await insert_version(connection, tenant, 1, revision, config, "configsvc", "made by registration")
            await connection.execute(
                "UPDATE config.tenants SET status = $2, config_version = 1, state_version = 1, revision = $3 "
                "WHERE id = $1",
                tenant,
                tenant_pb2.TENANT_STATUS_ACTIVE,
                revision,
            )
            return revision

    async def abandon(self) -> Sequence[TenantId]:
        """The tenants whose registration nobody finishes any more, to be erased; they cannot be claimed again."""
        async with self._pool.acquire() as connection, connection.transaction():
            return await abandoned(connection)

    async def erase(self, tenant: TenantId) -> None:
        """Erases what an abandoned registration has left here. Gateways never knew of it: no tombstone is needed."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(f"DROP SCHEMA IF EXISTS {tenant_schema(tenant)} CASCADE")
            await connection.execute("DELETE FROM config.hosts WHERE tenant_id = $1", tenant)
            await connection.execute("DELETE FROM config.tenants WHERE id = $1", tenant)

    async def get(self, id_or_slug: str) -> tenant_pb2.Tenant | None:
        """The tenant, or None."""
        async with self._pool.acquire() as connection, _reading(connection):
            return await read_tenant(connection, id_or_slug)

    async def list(self, after_slug: str, size: int) -> Sequence[tenant_pb2.Tenant]:
        """At most `size` tenants by slug, those behind `after_slug`."""
        async with self._pool.acquire() as connection, _reading(connection):
            rows = await connection.fetch(
                f"SELECT {TENANT_COLUMNS} FROM config.tenants WHERE slug > $1 ORDER BY slug LIMIT $2",  # noqa: S608
                after_slug,
                size,
            )
            return await tenants_of(connection, rows)

    async def update(
        self, tenant: TenantId, fields: Sequence[str], values: tenant_pb2.Tenant, expected: int | None
    ) -> tenant_pb2.Tenant:
        """Changes `fields` to those of `values`; the tenant afterwards. No difference makes no new version.

        NOT_FOUND; VERSION_CONFLICT when `expected` is not the state version; ALREADY_EXISTS for taken hosts;
        BAD_REQUEST for a parent that is none, and for a tenant whose registration is not complete: without a first
        version of the document there is nothing that could be streamed.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            row = await _locked(connection, tenant)
            if not row["config_version"]:
                raise _bad("tenant.id", "cannot be changed before its registration is complete")
            check_expected(expected, row["state_version"])
            before = await read_tenant(connection, tenant)
            if before is None:
                raise Fault(reasons.ERROR_REASON_NOT_FOUND)
            after = _changed(before, fields, values)
            if after == before:
                return before
            if after.parent_id != before.parent_id:
                await check_parent(connection, tenant, after.parent_id)
            await move_hosts(connection, tenant, before.hosts, after.hosts, "tenant.hosts")
            await connection.execute(update_record_sql(tenant), *record_values(after))
            await connection.execute(
                "UPDATE config.tenants SET status = $2, state_version = state_version + 1, revision = $3 WHERE id = $1",
                tenant,
                after.status,
                await next_revision(connection),
            )
            after.state_version += 1
            return after


def _changed(before: tenant_pb2.Tenant, fields: Sequence[str], values: tenant_pb2.Tenant) -> tenant_pb2.Tenant:
    after = tenant_pb2.Tenant()
    after.CopyFrom(before)
    for field in fields:
        after.ClearField(field)  # type: ignore[arg-type]  # the stub wants literals; the rim has checked the names
        part = tenant_pb2.Tenant(**{field: getattr(values, field)})
        after.MergeFrom(part)
    after.hosts.sort()
    return after


async def _locked(connection: Any, tenant: TenantId) -> Any:
    row = await connection.fetchrow(
        f"SELECT {TENANT_COLUMNS} FROM config.tenants WHERE id = $1 FOR UPDATE",  # noqa: S608 (constant)
        tenant,
    )
    if row is None:
        raise Fault(reasons.ERROR_REASON_NOT_FOUND)
    return row


def _reading(connection: Any) -> Any:
    """One consistent look at several tables."""
    return connection.transaction(isolation="repeatable_read", readonly=True)


def _bad(path: str, message: str) -> Fault:
    return Fault(reasons.ERROR_REASON_BAD_REQUEST, fields=(FieldFault(path, message),))
