"""Rows as messages and back: the one place that knows both the columns and the proto fields of a tenant."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp
from penstock.config.v1 import config_service_pb2, tenant_pb2

from configsvc.schema import tenant_schema
from domain.tenants import TenantId

TENANT_COLUMNS: Final = (
    "id, short_id, slug, status, config_version, state_version, revision, schema_version, create_time"
)
RECORD_COLUMNS: Final = (
    "name",
    "kind",
    "parent_id",
    "tier",
    "subscription_status",
    "valid_until",
    "read_only",
    "read_only_reason",
    "read_only_until",
    "targets_allow",
)


def tenant_message(tenant: Mapping[str, Any], record: Mapping[str, Any], hosts: Sequence[str]) -> tenant_pb2.Tenant:
    """The tenant of its row in `config.tenants`, its record and its hosts."""
    return tenant_pb2.Tenant(
        id=str(tenant["id"]),
        short_id=tenant["short_id"],
        slug=tenant["slug"],
        name=record["name"],
        status=tenant["status"],
        kind=record["kind"],
        parent_id=str(record["parent_id"] or ""),
        hosts=sorted(hosts),
        subscription=tenant_pb2.Subscription(
            tier=record["tier"],
            status=record["subscription_status"],
            valid_until=_timestamp(record["valid_until"]),
        ),
        read_only=tenant_pb2.ReadOnly(
            on=record["read_only"], reason=record["read_only_reason"], until=_timestamp(record["read_only_until"])
        ),
        targets_allow=record["targets_allow"],
        config_version=tenant["config_version"],
        state_version=tenant["state_version"],
        create_time=_timestamp(tenant["create_time"]),
    )


def record_values(tenant: tenant_pb2.Tenant) -> tuple[Any, ...]:
    """The values of `RECORD_COLUMNS` for a tenant."""
    return (
        tenant.name,
        tenant.kind or tenant_pb2.TENANT_KIND_STANDARD,
        tenant.parent_id or None,
        tenant.subscription.tier,
        tenant.subscription.status,
        _datetime(tenant.subscription, "valid_until"),
        tenant.read_only.on,
        tenant.read_only.reason,
        _datetime(tenant.read_only, "until"),
        tenant.targets_allow,
    )


def version_message(row: Mapping[str, Any]) -> config_service_pb2.ConfigVersion:
    """One row of a tenant's `config_versions`."""
    return config_service_pb2.ConfigVersion(
        version=row["version"],
        revision=row["revision"],
        hash=row["hash"],
        author=row["author"],
        comment=row["comment"],
        create_time=_timestamp(row["create_time"]),
    )


def insert_record_sql(tenant: TenantId) -> str:
    """Inserts `record_values`, if there is no record yet."""
    places = ", ".join(f"${number}" for number in range(1, len(RECORD_COLUMNS) + 1))
    return (
        f"INSERT INTO {tenant_schema(tenant)}.record ({', '.join(RECORD_COLUMNS)}) "  # noqa: S608 (validated name)
        f"VALUES ({places}) ON CONFLICT DO NOTHING"
    )


def update_record_sql(tenant: TenantId) -> str:
    """Replaces the record by `record_values`."""
    pairs = ", ".join(f"{column} = ${number}" for number, column in enumerate(RECORD_COLUMNS, 1))
    return f"UPDATE {tenant_schema(tenant)}.record SET {pairs}"  # noqa: S608 (validated name)


def _timestamp(time: datetime | None) -> Timestamp | None:
    if time is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(time)
    return stamp


def _datetime(message: Any, field: str) -> datetime | None:
    return getattr(message, field).ToDatetime(tzinfo=UTC) if message.HasField(field) else None
