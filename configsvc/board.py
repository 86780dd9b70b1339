"""The newest state of every tenant in memory, shared by all watches of this replica, newest last.

One reader follows the database: woken by NOTIFY, by a timer in case one got lost, and after every reconnect. It
reads what lies beyond the last revision, so replicas need nothing of each other. A watch only remembers how far
it has sent: a slow gateway costs nothing, and takes the newest state of each tenant when it reads again.
"""

import asyncio
import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

import structlog
from penstock.config.v1 import config_service_pb2 as pb

from configsvc.records import TENANT_COLUMNS
from configsvc.revisions import CHANNEL, LOST
from configsvc.tenant_states import snapshots_of
from domain.tenants import TenantId
from svckit.backoff import delays
from svckit.postgres import is_lost, listening

POLL_SECONDS: Final = 5.0
log = structlog.get_logger()


class Board:
    """Newest states by tenant. `head` is the revision up to which it is complete."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._events: dict[TenantId, tuple[int, pb.WatchConfigResponse]] = {}  # in the order of revisions
        self._changed = asyncio.Event()
        self._woken = asyncio.Event()
        self._loading = asyncio.Lock()
        self._begun = 0  # how many readings began; the number of the newest that was completed
        self._completed = 0
        self.head = 0

    def beyond(self, revision: int, scope: TenantId | None) -> list[tuple[int, pb.WatchConfigResponse]]:
        """The states newer than `revision` that a scope may see, oldest first; None is the scope of all."""
        if scope is not None:
            entry = self._events.get(scope)
            return [entry] if entry is not None and entry[0] > revision else []
        return list(self._newer(revision))[::-1]

    def _newer(self, revision: int) -> Iterator[tuple[int, pb.WatchConfigResponse]]:
        for entry in reversed(self._events.values()):
            if entry[0] <= revision:
                return
            yield entry

    @property
    def changed(self) -> asyncio.Event:
        """Is set at the next change; to be taken before looking, then waited for."""
        return self._changed

    async def load(self) -> None:
        """Catches up with everything that was committed before the call."""
        asked_after = self._begun
        # One at a time: of two readings side by side the older could come last and set states back.
        async with self._loading:
            if self._completed > asked_after:
                return  # another one began after this call and has seen all that this one would
            self._begun += 1
            await self._load()
            self._completed = self._begun

    async def _load(self) -> None:
        async with (
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            head = await connection.fetchval("SELECT head FROM config.revision")
            if head <= self.head:
                return
            fresh = await _read_beyond(connection, self.head)
        for tenant, revision, event in fresh:
            self._events.pop(tenant, None)
            self._events[tenant] = (revision, event)
        self.head = head
        self._changed.set()
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Follows the database until cancelled; an outage is waited out, watches go on with what there is."""
        failures = delays(random.SystemRandom().random, scale=0.2)
        while True:
            try:
                async with listening(self._pool, CHANNEL, self._wake) as connection:
                    failures = delays(random.SystemRandom().random, scale=0.2)
                    await self._follow(connection)
            except LOST as error:
                log.warning("lost sight of the database", error=repr(error))
                await asyncio.sleep(next(failures))

    async def _follow(self, connection: Any) -> None:
        while not is_lost(connection):
            self._woken.clear()
            await self.load()
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._woken.wait()

    def _wake(self, *_notification: object) -> None:
        self._woken.set()


async def _read_beyond(connection: Any, revision: int) -> list[tuple[TenantId, int, pb.WatchConfigResponse]]:
    # A tenant without a version has nothing to serve by. None should have a revision; one that had kept the service
    # from ever starting.
    rows = await connection.fetch(
        f"SELECT {TENANT_COLUMNS} FROM config.tenants WHERE revision > $1 AND config_version > 0",  # noqa: S608 (constant)
        revision,
    )
    tombstones = await connection.fetch(
        "SELECT tenant_id, revision FROM config.tombstones WHERE revision > $1", revision
    )
    found = [
        (TenantId(each.tenant.id), each.revision, pb.WatchConfigResponse(snapshot=each))
        for each in await snapshots_of(connection, rows)
    ]
    for row in tombstones:
        tombstone = pb.TenantTombstone(revision=row["revision"], tenant_id=str(row["tenant_id"]))
        found.append((TenantId(str(row["tenant_id"])), row["revision"], pb.WatchConfigResponse(tombstone=tombstone)))
    return sorted(found, key=lambda entry: entry[1])
