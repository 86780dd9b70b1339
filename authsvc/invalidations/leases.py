"""The leases of edge workers: who may serve from its cache until when, and what it has applied.

All times are PostgreSQL's clock, so replicas need not agree on theirs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from authsvc.invalidations.log import CHANNEL
from authsvc.tenant_rows import REGISTRY

ACKNOWLEDGED: Final = "acknowledged"
LEASE: Final = timedelta(seconds=30)
# An edge takes a grant for void that is answered 2 s after it was asked for (edge/auth/lease.py).
IN_TIME: Final = timedelta(seconds=5)
# How long ended leases stay for people who look; they decide nothing.
KEPT: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Worker:
    """One start of an edge worker."""

    gateway_id: str
    slot: int
    boot_id: UUID


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """A worker has applied everything up to `revision`. `max_stale` is how long it serves on without a lease while it
    cannot reach authsvc."""

    worker: Worker
    revision: int
    max_stale: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Lease:
    """What a worker may serve by. After its end a worker that cannot reach authsvc serves on for `max_stale`."""

    worker: Worker
    revision: int
    expires_at: datetime
    max_stale: timedelta = timedelta(0)

    @property
    def serves_until(self) -> datetime:
        """When the worker serves nothing from its cache any more, at the latest."""
        return self.expires_at + self.max_stale


@dataclass(frozen=True, slots=True)
class Grant:
    """What an acknowledgement earned: the time from now on, zero for a worker that is behind and has no lease left."""

    duration: timedelta
    head: int


# Puts grants and events in an order: an event that is appended later waits until the lease can be seen, and one
# that came earlier is seen by the grant, which is a statement of its own, with a newer snapshot. Grants share the lock.
_ORDER: Final = f"SELECT FROM {REGISTRY}.head FOR SHARE"
# A worker that has not applied an event gets no more than a lease counted from that event: so every event is in
# force everywhere at the latest `LEASE` after its commit, even when a worker acknowledges old revisions for ever.
# And it gets that only while its lease runs, and will run when this is committed: whoever had none, nobody waited for
# when the event was called in force.
_GRANT: Final = f"""
WITH clock AS (SELECT clock_timestamp() AS now),
head AS (SELECT revision FROM {REGISTRY}.head),
granted AS (
    SELECT told.*, now, head.revision AS head, CASE
        WHEN told.revision = head.revision THEN now + $6::interval
        WHEN EXISTS (
            SELECT FROM {REGISTRY}.leases mine
            WHERE mine.gateway_id = told.gateway_id AND mine.slot = told.slot AND mine.boot_id = told.boot_id
            AND expires_at > now + $9::interval
        ) THEN (
            SELECT NULLIF(GREATEST(now, $6::interval + min(commit_time)), now)
            FROM {REGISTRY}.invalidations missed WHERE missed.revision > told.revision
        )
    END AS until
    FROM clock, head, unnest($1::text[], $2::integer[], $3::uuid[], $4::bigint[], $5::interval[]) WITH ORDINALITY
        AS told (gateway_id, slot, boot_id, revision, max_stale, place)
),
kept AS (
    INSERT INTO {REGISTRY}.leases AS mine (gateway_id, slot, boot_id, revision, expires_at, max_stale)
    SELECT gateway_id, slot, boot_id, CASE WHEN revision > head THEN 0 ELSE revision END,
        COALESCE(until, '-infinity'), max_stale FROM granted
    ON CONFLICT (gateway_id, slot, boot_id) DO UPDATE SET
        max_stale = EXCLUDED.max_stale,
        revision = GREATEST(mine.revision, EXCLUDED.revision),
        expires_at = GREATEST(mine.expires_at, EXCLUDED.expires_at)
)
SELECT COALESCE(until - now, interval '0') AS duration, head, pg_notify($7, $8) FROM granted ORDER BY place
"""  # noqa: S608
# A worker whose lease has run out is gone for good when its slot has another start that holds one: after a kill
# nobody waits for `max_stale`.
_SERVING: Final = f"""
SELECT now, gateway_id, slot, boot_id, revision, expires_at, max_stale
FROM (SELECT clock_timestamp() AS now) AS clock LEFT JOIN {REGISTRY}.leases AS mine
ON expires_at > now OR (expires_at + max_stale > now AND NOT EXISTS (
    SELECT FROM {REGISTRY}.leases AS successor
    WHERE successor.gateway_id = mine.gateway_id AND successor.slot = mine.slot AND successor.expires_at > now
))
ORDER BY gateway_id, slot, boot_id
"""  # noqa: S608
_END: Final = f"DELETE FROM {REGISTRY}.leases WHERE gateway_id = $1 AND slot = $2 AND boot_id = $3"  # noqa: S608
_PRUNE: Final = f"DELETE FROM {REGISTRY}.leases WHERE expires_at + max_stale < clock_timestamp() - $1::interval"  # noqa: S608


async def acknowledge(connection: Any, told: Sequence[Acknowledgement]) -> list[Grant]:
    """Notes what each worker has applied, renews its lease and wakes who waits for it; no worker may be named twice.

    Waits for a change that has appended an event and is not committed yet.
    """
    async with connection.transaction():
        await connection.execute(_ORDER)
        rows = await connection.fetch(
            _GRANT,
            [each.worker.gateway_id for each in told],
            [each.worker.slot for each in told],
            [each.worker.boot_id for each in told],
            [each.revision for each in told],
            [each.max_stale for each in told],
            LEASE,
            CHANNEL,
            ACKNOWLEDGED,
            IN_TIME,
        )
    return [Grant(row["duration"], row["head"]) for row in rows]


async def end(connection: Any, worker: Worker) -> None:
    """Ends the lease of a worker that serves no more, and wakes who waits for it."""
    async with connection.transaction():
        await connection.execute(_END, worker.gateway_id, worker.slot, worker.boot_id)
        await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, ACKNOWLEDGED)


async def serving(connection: Any) -> tuple[datetime, list[Lease]]:
    """The time, and the leases of all workers that may serve from their caches now."""
    rows = await connection.fetch(_SERVING)
    found = [
        Lease(
            Worker(row["gateway_id"], row["slot"], row["boot_id"]),
            row["revision"],
            row["expires_at"],
            row["max_stale"],
        )
        for row in rows
        if row["gateway_id"] is not None
    ]
    return rows[0]["now"], found


async def prune(connection: Any) -> None:
    """Forgets leases that ended long ago."""
    await connection.execute(_PRUNE, KEPT)
