"""The tenants in PostgreSQL: claimed, activated, changed, read. Each change takes one revision in its transaction.

Locks are always taken in one order: the tenant's row first, the revision's row last.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
from penstock.config.v1 import tenant_pb2
from penstock.errors.v1 import error_reason_pb2 as reasons

from configsvc.records import TENANT_COLUMNS, insert_record_sql, record_values, update_record_sql
from configsvc.revisions import next_revision
from configsvc.tenant_states import read_tenant, tenants_of
from configsvc.version_store import check_expected, insert_version
from domain.tenants import TenantId
from svckit.errors import Fault, FieldFault

# Prefix of registration ids that the server made itself; the caller cannot know them to repeat the call.
OWN_REGISTRATION: Final = "penstock.own."
# A registration without an id that was cut off may be taken up by the next one after so long.
_ABANDONED_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class NewTenant:
    """A tenant to be claimed; `id` and `short_id` are used only if its registration is not known yet."""

    id: TenantId
    short_id: str
    registration_id: str
    slug: str
    hosts: tuple[str, ...]


class TenantStore:
    """Reads and writes tenants through an asyncpg pool."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    async def claim(self, new: NewTenant) -> tuple[TenantId, str]:
        """The id and short id of the tenant of this registration, made PROVISIONING if it is not there.

        ALREADY_EXISTS, naming the fields, when the slug or a host is another's or the registration another slug's.
        """
        while True:
            try:
                async with self._pool.acquire() as connection, connection.transaction():
                    return await _claimed(connection, new)
            except asyncpg.UniqueViolationError:
                continue  # somebody committed the same between look and insert: the next look sees it

    async def activate(self, tenant: TenantId, record: tenant_pb2.Tenant, config: bytes) -> int:
        """Gives a claimed tenant its record and version 1, and serves it; the revision of its newest state.

        A tenant that has a version keeps everything as it is.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            row = await _locked(connection, tenant)
            if row["config_version"]:
                return int(row["revision"])
            await connection.execute(insert_record_sql(tenant), *record_values(record))
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
                await _check_parent(connection, tenant, after.parent_id)
            await _move_hosts(connection, tenant, before.hosts, after.hosts)
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


async def _claimed(connection: Any, new: NewTenant) -> tuple[TenantId, str]:
    known = await connection.fetchrow(
        "SELECT id, short_id, slug FROM config.tenants WHERE registration_id = $1", new.registration_id
    )
    if known is not None:
        if known["slug"] != new.slug:
            raise _taken(FieldFault("request_id", "was used for another tenant"))
        return TenantId(str(known["id"])), known["short_id"]
    holder = await connection.fetchrow(
        "SELECT id, short_id, registration_id, "
        "status = $2 AND create_time < now() - make_interval(secs => $3) AS abandoned "
        "FROM config.tenants WHERE slug = $1",
        new.slug,
        tenant_pb2.TENANT_STATUS_PROVISIONING,
        _ABANDONED_SECONDS,
    )
    if holder is not None and holder["abandoned"] and _both_own(holder["registration_id"], new.registration_id):
        return TenantId(str(holder["id"])), holder["short_id"]
    faults = [FieldFault("slug", "is taken")] if holder is not None else []
    faults += await _taken_hosts(connection, new.id, new.hosts, "hosts")
    if faults:
        raise _taken(*faults)
    await connection.execute(
        "INSERT INTO config.tenants (id, short_id, slug, status, registration_id) VALUES ($1, $2, $3, $4, $5)",
        new.id,
        new.short_id,
        new.slug,
        tenant_pb2.TENANT_STATUS_PROVISIONING,
        new.registration_id,
    )
    await _bind(connection, new.id, new.hosts)
    return new.id, new.short_id


def _both_own(*registration_ids: str) -> bool:
    return all(each.startswith(OWN_REGISTRATION) for each in registration_ids)


async def _move_hosts(connection: Any, tenant: TenantId, before: Sequence[str], after: Sequence[str]) -> None:
    faults = await _taken_hosts(connection, tenant, after, "tenant.hosts")
    if faults:
        raise _taken(*faults)
    gone = sorted(set(before) - set(after))
    await connection.execute("DELETE FROM config.hosts WHERE tenant_id = $1 AND host = ANY($2)", tenant, gone)
    try:
        await _bind(connection, tenant, sorted(set(after) - set(before)))
    except asyncpg.UniqueViolationError as error:
        raise _taken(FieldFault("tenant.hosts", "was bound to another tenant in this moment")) from error


async def _bind(connection: Any, tenant: TenantId, hosts: Sequence[str]) -> None:
    await connection.execute(
        "INSERT INTO config.hosts (host, tenant_id) SELECT host, $2 FROM unnest($1::text[]) AS host",
        list(hosts),
        tenant,
    )


async def _taken_hosts(connection: Any, tenant: TenantId, hosts: Sequence[str], path: str) -> list[FieldFault]:
    rows = await connection.fetch(
        "SELECT host FROM config.hosts WHERE host = ANY($1) AND tenant_id <> $2", list(hosts), tenant
    )
    taken = {row["host"] for row in rows}
    return [
        FieldFault(f"{path}[{index}]", "is bound to another tenant")
        for index, host in enumerate(hosts)
        if host in taken
    ]


async def _check_parent(connection: Any, tenant: TenantId, parent: str) -> None:
    """A parent exists and is no descendant; the chain ends because it is checked before each link is made."""
    ancestor = parent
    while ancestor:
        if ancestor == tenant:
            raise _bad("tenant.parent_id", "must not be the tenant itself or one below it")
        found = await read_tenant(connection, ancestor)
        if found is None:
            raise _bad("tenant.parent_id", "is not a tenant")
        ancestor = found.parent_id


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


def _taken(*fields: FieldFault) -> Fault:
    return Fault(reasons.ERROR_REASON_ALREADY_EXISTS, fields=fields)


def _bad(path: str, message: str) -> Fault:
    return Fault(reasons.ERROR_REASON_BAD_REQUEST, fields=(FieldFault(path, message),))
