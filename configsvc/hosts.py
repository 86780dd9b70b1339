"""The hosts that are bound to tenants: each to one in the whole cluster. Functions run in the caller's transaction."""

from collections.abc import Collection, Sequence
from typing import Any

import asyncpg
from penstock.errors.v1 import error_reason_pb2 as reasons

from domain.tenants import TenantId
from svckit.errors import Fault, FieldFault


async def move_hosts(connection: Any, tenant: TenantId, before: Sequence[str], after: Sequence[str], path: str) -> None:
    """Makes the tenant's hosts those of `after`; ALREADY_EXISTS, naming those below `path` that are another's."""
    faults = await taken_hosts(connection, tenant, after, path)
    if faults:
        raise _taken(*faults)
    gone = sorted(set(before) - set(after))
    await connection.execute("DELETE FROM config.hosts WHERE tenant_id = $1 AND host = ANY($2)", tenant, gone)
    try:
        await bind_hosts(connection, tenant, set(after) - set(before))
    except asyncpg.UniqueViolationError as error:
        raise _taken(FieldFault(path, "was bound to another tenant in this moment")) from error


async def bind_hosts(connection: Any, tenant: TenantId, hosts: Collection[str]) -> None:
    """Binds hosts that are free; asyncpg's UniqueViolationError for one that is not."""
    await connection.execute(
        # In one order for all: two that want the same hosts at once must not wait for each other.
        "INSERT INTO config.hosts (host, tenant_id) SELECT host, $2 FROM unnest($1::text[]) AS host",
        sorted(hosts),
        tenant,
    )


async def hosts_of(connection: Any, tenant: TenantId) -> list[str]:
    """The tenant's hosts."""
    rows = await connection.fetch("SELECT host FROM config.hosts WHERE tenant_id = $1", tenant)
    return [row["host"] for row in rows]


async def taken_hosts(connection: Any, tenant: TenantId, hosts: Sequence[str], path: str) -> list[FieldFault]:
    """What is to be said of the hosts that are another tenant's, by their place in the list at `path`."""
    rows = await connection.fetch(
        "SELECT host FROM config.hosts WHERE host = ANY($1) AND tenant_id <> $2", list(hosts), tenant
    )
    taken = {row["host"] for row in rows}
    return [
        FieldFault(f"{path}[{index}]", "is bound to another tenant")
        for index, host in enumerate(hosts)
        if host in taken
    ]


def _taken(*fields: FieldFault) -> Fault:
    return Fault(reasons.ERROR_REASON_ALREADY_EXISTS, fields=fields)
