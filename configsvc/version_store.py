"""The versions of config documents in the tenants' schemas: published by compare-and-set, never changed after."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.errors.v1 import error_reason_pb2 as reasons

from configsvc.revisions import next_revision
from configsvc.schema import tenant_schema
from domain.tenants import TenantId
from svckit.errors import Fault


@dataclass(frozen=True, slots=True)
class Published:
    """The newest version after a publish; `revision` is 0 when no new one was made."""

    version: int
    revision: int


class VersionStore:
    """Reads and writes versions through an asyncpg pool. Configs are serialised GatewayConfig messages."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    async def newest(self, tenant: TenantId) -> tuple[int, str]:
        """The number and the hash of the newest version; NOT_FOUND."""
        async with self._pool.acquire() as connection:
            row = await connection.fetchrow("SELECT config_version FROM config.tenants WHERE id = $1", tenant)
            if row is None or not row["config_version"]:
                raise Fault(reasons.ERROR_REASON_NOT_FOUND)
            return row["config_version"], await _hash(connection, tenant, row["config_version"])

    async def publish(
        self, tenant: TenantId, config: bytes, expected: int | None, author: str, comment: str
    ) -> Published:
        """Makes the next version unless the newest has the same content.

        NOT_FOUND; VERSION_CONFLICT when `expected` is not the newest version.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            current = await connection.fetchval(
                "SELECT config_version FROM config.tenants WHERE id = $1 FOR UPDATE", tenant
            )
            if not current:  # unknown, or its registration has not come so far
                raise Fault(reasons.ERROR_REASON_NOT_FOUND)
            check_expected(expected, current)
            if await _hash(connection, tenant, current) == config_hash(config):
                return Published(current, 0)
            revision = await next_revision(connection)
            await insert_version(connection, tenant, current + 1, revision, config, author, comment)
            await connection.execute(
                "UPDATE config.tenants SET config_version = $2, revision = $3 WHERE id = $1",
                tenant,
                current + 1,
                revision,
            )
            return Published(current + 1, revision)

    async def get(self, tenant: TenantId, version: int) -> Mapping[str, Any]:
        """The row of a version, with its config; 0 means the newest. NOT_FOUND."""
        async with self._pool.acquire() as connection:
            await _check_tenant(connection, tenant)
            row: Mapping[str, Any] | None = await connection.fetchrow(
                f"SELECT * FROM {tenant_schema(tenant)}.config_versions "  # noqa: S608 (validated)
                "WHERE version = $1 OR $1 = 0 ORDER BY version DESC LIMIT 1",
                version,
            )
        if row is None:
            raise Fault(reasons.ERROR_REASON_NOT_FOUND)
        return row

    async def list(self, tenant: TenantId, before: int, size: int) -> Sequence[Mapping[str, Any]]:
        """At most `size` versions older than `before`, newest first, without their configs. NOT_FOUND."""
        async with self._pool.acquire() as connection:
            await _check_tenant(connection, tenant)
            rows: Sequence[Mapping[str, Any]] = await connection.fetch(
                "SELECT version, revision, hash, author, comment, create_time "  # noqa: S608 (validated)
                f"FROM {tenant_schema(tenant)}.config_versions WHERE version < $1 ORDER BY version DESC LIMIT $2",
                before,
                size,
            )
        return rows


def config_hash(config: bytes) -> str:
    """The SHA-256 of a serialised config, in hex."""
    return hashlib.sha256(config).hexdigest()


def check_expected(expected: int | None, current: int) -> None:
    """Raises VERSION_CONFLICT when the change is based on another version than the newest."""
    if expected is not None and expected != current:
        raise Fault(reasons.ERROR_REASON_VERSION_CONFLICT, metadata={"version": str(current)})


async def insert_version(
    connection: Any, tenant: TenantId, version: int, revision: int, config: bytes, author: str, comment: str
) -> None:
    """Adds a version inside the caller's transaction, which holds the lock of the tenant's row."""
    await connection.execute(
        f"INSERT INTO {tenant_schema(tenant)}.config_versions "  # noqa: S608 (validated)
        "(version, revision, hash, config, author, comment) VALUES ($1, $2, $3, $4, $5, $6)",
        version,
        revision,
        config_hash(config),
        config,
        author,
        comment,
    )


async def _hash(connection: Any, tenant: TenantId, version: int) -> str:
    found: str = await connection.fetchval(
        f"SELECT hash FROM {tenant_schema(tenant)}.config_versions WHERE version = $1",  # noqa: S608 (validated)
        version,
    )
    return found


async def _check_tenant(connection: Any, tenant: TenantId) -> None:
    made = await connection.fetchval("SELECT config_version > 0 FROM config.tenants WHERE id = $1", tenant)
    if not made:
        raise Fault(reasons.ERROR_REASON_NOT_FOUND)
