"""Reads tenants whole: their rows outside, their hosts and their records, many at once."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

import asyncpg
from penstock.config.v1 import config_service_pb2 as pb
from penstock.config.v1 import gateway_config_pb2, tenant_pb2

from configsvc.records import RECORD_COLUMNS, TENANT_COLUMNS, tenant_message
from configsvc.schema import tenant_schema
from domain.tenants import TenantId, parse_tenant_id

# Schemas that one statement reads: a round trip for a hundred tenants, not for each.
SCHEMAS_PER_STATEMENT: Final = 100


async def read_tenant(connection: Any, id_or_slug: str) -> tenant_pb2.Tenant | None:
    """The tenant of that id or slug."""
    by = "id" if parse_tenant_id(id_or_slug) else "slug"
    row = await connection.fetchrow(f"SELECT {TENANT_COLUMNS} FROM config.tenants WHERE {by} = $1", id_or_slug)  # noqa: S608
    if row is None:
        return None
    try:
        (tenant,) = await tenants_of(connection, [row])
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
        return None  # an unfinished registration, removed since its row was read
    return tenant


async def tenants_of(connection: Any, rows: Sequence[Mapping[str, Any]]) -> list[tenant_pb2.Tenant]:
    """The tenants of rows of `config.tenants`, in the order of the rows."""
    hosts = await _hosts(connection, rows)
    records: dict[str, Mapping[str, Any]] = {}
    async for record in _from_schemas(connection, rows, _record_sql):
        records[record["tenant"]] = record
    return [
        tenant_message(row, records.get(str(row["id"]), _no_record(row)), hosts.get(str(row["id"]), ())) for row in rows
    ]


async def snapshots_of(connection: Any, rows: Sequence[Mapping[str, Any]]) -> list[pb.TenantSnapshot]:
    """What gateways need of the tenants of these rows, in the order of the rows."""
    tenants = await tenants_of(connection, rows)
    configs: dict[str, Mapping[str, Any]] = {}
    async for config in _from_schemas(connection, rows, _config_sql):
        configs[config["tenant"]] = config
    return [
        pb.TenantSnapshot(
            revision=row["revision"],
            tenant=tenant,
            config=gateway_config_pb2.GatewayConfig.FromString(configs[tenant.id]["config"]),
            config_hash=configs[tenant.id]["hash"],
        )
        for row, tenant in zip(rows, tenants, strict=True)
    ]


async def _hosts(connection: Any, rows: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    hosts: dict[str, list[str]] = {}
    ids = [row["id"] for row in rows]
    for row in await connection.fetch("SELECT host, tenant_id FROM config.hosts WHERE tenant_id = ANY($1)", ids):
        hosts.setdefault(str(row["tenant_id"]), []).append(row["host"])
    return hosts


async def _from_schemas(connection: Any, rows: Sequence[Mapping[str, Any]], sql: Any) -> AsyncIterator[Any]:
    made = [row for row in rows if row["schema_version"]]
    for start in range(0, len(made), SCHEMAS_PER_STATEMENT):
        parts = [sql(TenantId(str(row["id"])), row) for row in made[start : start + SCHEMAS_PER_STATEMENT]]
        for found in await connection.fetch(" UNION ALL ".join(parts)):
            yield found


def _record_sql(tenant: TenantId, _row: Mapping[str, Any]) -> str:
    columns = ", ".join(RECORD_COLUMNS)
    return f"SELECT '{tenant}' AS tenant, {columns} FROM {tenant_schema(tenant)}.record"  # noqa: S608 (validated)


def _config_sql(tenant: TenantId, row: Mapping[str, Any]) -> str:
    version = int(row["config_version"])
    return (
        f"SELECT '{tenant}' AS tenant, hash, config "  # noqa: S608 (validated)
        f"FROM {tenant_schema(tenant)}.config_versions WHERE version = {version}"
    )


def _no_record(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """What stands in for the record of a tenant whose registration was cut off before it had one."""
    absent: dict[str, Any] = dict.fromkeys(RECORD_COLUMNS)
    return absent | {
        "name": row["slug"],
        "kind": tenant_pb2.TENANT_KIND_STANDARD,
        "tier": "",
        "subscription_status": "",
        "read_only": False,
        "read_only_reason": "",
        "targets_allow": False,
    }
