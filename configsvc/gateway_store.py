"""The gateways in PostgreSQL: who watches, what each has acknowledged, and what it refused and why."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import orjson
from penstock.config.v1 import config_service_pb2 as pb

from configsvc.delivery import LOST_AFTER_SECONDS
from configsvc.schema import tenant_schema
from configsvc.tenant_states import SCHEMAS_PER_STATEMENT
from domain.tenants import TenantId

FORGOTTEN_DAYS: Final = 30
# A transaction of seconds at most; what is left comes a minute later.
_FORGOTTEN_AT_ONCE: Final = 1_000
# Of one refusal: enough to begin with, whatever a large document has that an edge does not take.
_REASONS_KEPT: Final = 100
# By tenant and instance.
Reasons = Mapping[TenantId, Mapping[tuple[str, int], Sequence[pb.DocumentFault]]]


class GatewayStore:
    """Reads and writes gateways through an asyncpg pool. An instance is (gateway id, slot)."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    async def connect(self, instance: pb.Instance, scope: str, watch: UUID, revision: int) -> None:
        """Notes an open watch that resumes from `revision`; it replaces the instance's older one."""
        await self._pool.execute(
            "INSERT INTO config.gateways AS known (gateway_id, slot, boot_id, scope, watch_id, revision) "
            "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (gateway_id, slot) DO UPDATE SET "
            "boot_id = EXCLUDED.boot_id, scope = EXCLUDED.scope, watch_id = EXCLUDED.watch_id, last_seen = now(), "
            # A new process may have come up with less than its predecessor had.
            "revision = CASE WHEN known.boot_id = EXCLUDED.boot_id THEN greatest(known.revision, EXCLUDED.revision) "
            "ELSE EXCLUDED.revision END",
            instance.gateway_id,
            instance.slot,
            instance.boot_id,
            scope,
            watch,
            revision,
        )

    async def seen(self, watch: UUID) -> None:
        """Notes that the watch is still open."""
        await self._pool.execute("UPDATE config.gateways SET last_seen = now() WHERE watch_id = $1", watch)

    async def disconnect(self, watch: UUID) -> None:
        """Notes the end of a watch; nothing if the instance has a newer one."""
        await self._pool.execute("UPDATE config.gateways SET watch_id = NULL WHERE watch_id = $1", watch)

    async def acknowledge(
        self, instance: pb.Instance, scope: str, revision: int, rejects: Mapping[TenantId, pb.ConfigReject]
    ) -> int:
        """Notes what an instance has applied and what it refuses now; the newest revision of the cluster.

        An acknowledgement that comes late, of an earlier boot or an older revision, changes nothing.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            fresh = await connection.fetchval(
                "INSERT INTO config.gateways AS known (gateway_id, slot, boot_id, scope, revision) "
                "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (gateway_id, slot) DO UPDATE SET "
                "revision = EXCLUDED.revision, last_seen = now() "
                "WHERE known.boot_id = EXCLUDED.boot_id AND known.revision <= EXCLUDED.revision RETURNING true",
                instance.gateway_id,
                instance.slot,
                instance.boot_id,
                scope,
                revision,
            )
            if fresh:
                await _replace_rejects(connection, instance, rejects)
            return int(await connection.fetchval("SELECT head FROM config.revision"))

    async def behind(self, tenant: TenantId, revision: int) -> int:
        """How many gateways that watch the tenant, heard lately, have not acknowledged `revision`."""
        return int(
            await self._pool.fetchval(
                "SELECT count(*) FROM config.gateways WHERE watch_id IS NOT NULL AND revision < $1 "
                "AND last_seen > now() - make_interval(secs => $2) AND scope IN ('default', $3)",
                revision,
                LOST_AFTER_SECONDS,
                tenant,
            )
        )

    async def all(self) -> Sequence[Mapping[str, Any]]:
        """All gateways by identity, each with `age_seconds` since it was heard and its `rejects` by tenant."""
        rows: Sequence[Mapping[str, Any]] = await self._pool.fetch(
            "SELECT g.*, extract(epoch FROM now() - g.last_seen)::float8 AS age_seconds, "
            "coalesce((SELECT jsonb_object_agg(r.tenant_id, r.revision) FROM config.gateway_rejects r "
            "WHERE r.gateway_id = g.gateway_id AND r.slot = g.slot), '{}') AS rejects "
            "FROM config.gateways g ORDER BY g.gateway_id, g.slot"
        )
        return rows

    async def reasons(self, tenants: Sequence[TenantId]) -> Reasons:
        """Why gateways refuse the newest states of these tenants."""
        found: dict[TenantId, dict[tuple[str, int], list[pb.DocumentFault]]] = {}
        for start in range(0, len(tenants), SCHEMAS_PER_STATEMENT):
            parts = [
                f"SELECT '{tenant}' AS tenant, gateway_id, slot, reasons "  # noqa: S608 (validated)
                f"FROM {tenant_schema(tenant)}.reject_reasons"
                for tenant in tenants[start : start + SCHEMAS_PER_STATEMENT]
            ]
            for row in await self._pool.fetch(" UNION ALL ".join(parts)):
                why = [pb.DocumentFault(**each) for each in orjson.loads(row["reasons"])]
                found.setdefault(TenantId(row["tenant"]), {})[row["gateway_id"], row["slot"]] = why
        return found

    async def forget_unseen(self) -> None:
        """Forgets gateways that were not heard for `FORGOTTEN_DAYS`; one that comes back is a new one."""
        async with self._pool.acquire() as connection, connection.transaction():
            gone = await connection.fetch(
                "SELECT gateway_id, slot FROM config.gateways WHERE last_seen < now() - make_interval(days => $1) "
                "ORDER BY last_seen LIMIT $2 FOR UPDATE SKIP LOCKED",
                FORGOTTEN_DAYS,
                _FORGOTTEN_AT_ONCE,
            )
            for row in gone:
                await _replace_rejects(connection, pb.Instance(gateway_id=row["gateway_id"], slot=row["slot"]), {})
                await connection.execute(
                    "DELETE FROM config.gateways WHERE gateway_id = $1 AND slot = $2", row["gateway_id"], row["slot"]
                )


async def _replace_rejects(connection: Any, instance: pb.Instance, rejects: Mapping[TenantId, pb.ConfigReject]) -> None:
    identity = (instance.gateway_id, instance.slot)
    ended = await connection.fetch(
        "DELETE FROM config.gateway_rejects WHERE gateway_id = $1 AND slot = $2 RETURNING tenant_id", *identity
    )
    known = await connection.fetch("SELECT id FROM config.tenants WHERE id = ANY($1)", list(rejects))
    still = {TenantId(str(row["id"])) for row in known}
    for tenant in {TenantId(str(row["tenant_id"])) for row in ended} - still:
        await _forget_reasons(connection, tenant, identity)
    for tenant in still:
        await _write_reject(connection, tenant, identity, rejects[tenant])


async def _forget_reasons(connection: Any, tenant: TenantId, identity: tuple[str, int]) -> None:
    table = f"{tenant_schema(tenant)}.reject_reasons"
    if await connection.fetchval("SELECT to_regclass($1)", table) is not None:  # not purged meanwhile
        await connection.execute(f"DELETE FROM {table} WHERE gateway_id = $1 AND slot = $2", *identity)  # noqa: S608


async def _write_reject(connection: Any, tenant: TenantId, identity: tuple[str, int], reject: pb.ConfigReject) -> None:
    reasons = [{"path": each.path, "message": each.message} for each in reject.reasons[:_REASONS_KEPT]]
    await connection.execute(
        "INSERT INTO config.gateway_rejects (gateway_id, slot, tenant_id, revision) VALUES ($1, $2, $3, $4)",
        *identity,
        tenant,
        reject.revision,
    )
    await connection.execute(
        f"INSERT INTO {tenant_schema(tenant)}.reject_reasons (gateway_id, slot, revision, reasons) "  # noqa: S608
        "VALUES ($1, $2, $3, $4) ON CONFLICT (gateway_id, slot) "
        "DO UPDATE SET revision = EXCLUDED.revision, reasons = EXCLUDED.reasons",
        *identity,
        reject.revision,
        orjson.dumps(reasons).decode(),
    )
