"""The numbered log of invalidations: an event is committed with the change that it tells of.

Revisions come from one row whose lock is held to the commit, so that their order is the order of commits: a
reader that has seen revision N never finds a smaller one later.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any, Final

from authsvc.tenant_rows import REGISTRY, tenant_of
from domain.tenants import TenantId

CHANNEL: Final = "penstock_auth"
APPENDED: Final = "appended"
PAGE: Final = 1000
# Far longer than any edge serves from its cache; an edge that was away for longer starts with an empty one.
KEPT: Final = timedelta(hours=24)


class Scope(IntEnum):
    """What an event hits; numbers as in penstock.auth.v1.InvalidationScope."""

    API_KEY = 1
    SESSION = 2
    PRINCIPAL = 3
    TENANT = 4
    SIGNING_KEY = 5


@dataclass(frozen=True, slots=True)
class Event:
    """One committed invalidation; `tenant_id` is None for cluster-wide ones."""

    revision: int
    scope: Scope
    subject: str
    tenant_id: TenantId | None
    commit_time: datetime


@dataclass(frozen=True, slots=True)
class Extent:
    """The newest revision of the log, and the oldest that is still kept (`head` + 1 when none is)."""

    head: int
    oldest: int

    def covers(self, position: int) -> bool:
        """Whether everything after `position` can still be read; not so for a position of another log's future."""
        return self.oldest - 1 <= position <= self.head


_APPEND: Final = f"""
WITH head AS (UPDATE {REGISTRY}.head SET revision = revision + 1 RETURNING revision)
INSERT INTO {REGISTRY}.invalidations (revision, scope, subject, tenant_id)
SELECT revision, $1, $2, $3 FROM head
RETURNING revision, scope, subject, tenant_id, commit_time
"""  # noqa: S608 - a constant name
_AFTER: Final = f"""
SELECT revision, scope, subject, tenant_id, commit_time FROM {REGISTRY}.invalidations
WHERE revision > $1 ORDER BY revision LIMIT {PAGE}
"""  # noqa: S608
# One statement sees one state of the store: the head and what leads to it.
_SINCE: Final = f"""
SELECT h.revision AS head, i.revision, i.scope, i.subject, i.tenant_id, i.commit_time FROM {REGISTRY}.head h
LEFT JOIN LATERAL (
    SELECT * FROM {REGISTRY}.invalidations WHERE revision > $1 ORDER BY revision LIMIT {PAGE}
) i ON true ORDER BY i.revision
"""  # noqa: S608
_EXTENT: Final = f"""
SELECT revision AS head, COALESCE((SELECT min(revision) FROM {REGISTRY}.invalidations), revision + 1) AS oldest
FROM {REGISTRY}.head
"""  # noqa: S608
_PRUNE: Final = f"DELETE FROM {REGISTRY}.invalidations WHERE commit_time < clock_timestamp() - $1::interval"  # noqa: S608


async def append(connection: Any, scope: Scope, subject: str, tenant: TenantId | None) -> Event:
    """Appends one event in the transaction of the change; last, because it holds the log's lock to the commit."""
    row = await connection.fetchrow(_APPEND, int(scope), subject, tenant)
    await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, APPENDED)
    return _event(row)


async def after(connection: Any, position: int) -> list[Event]:
    """The events after revision `position` in order, at most `PAGE`."""
    return [_event(row) for row in await connection.fetch(_AFTER, position)]


async def since(connection: Any, position: int) -> tuple[int, list[Event]]:
    """The newest revision, and the events after revision `position` as they are kept: in order, at most `PAGE`."""
    rows = await connection.fetch(_SINCE, position)
    return rows[0]["head"], [_event(row) for row in rows if row["revision"] is not None]


async def extent(connection: Any) -> Extent:
    """What the log holds now."""
    row = await connection.fetchrow(_EXTENT)
    return Extent(row["head"], row["oldest"])


async def prune(connection: Any) -> None:
    """Forgets events older than `KEPT`."""
    await connection.execute(_PRUNE, KEPT)


def _event(row: Mapping[str, Any]) -> Event:
    tenant = None if row["tenant_id"] is None else tenant_of(row["tenant_id"])
    return Event(row["revision"], Scope(row["scope"]), row["subject"], tenant, row["commit_time"])
