"""When keys last authenticated: collected from all sides, stored now and then, off every request's path.

What is collected and not yet stored is lost with a process that is killed; one that ends in order stores it.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import structlog

from authsvc.tenant_rows import NOT_THERE, REGISTRY, as_tenant, tenant_of
from domain.tenants import TenantId
from svckit.postgres import PUT_OFF

# With the 20 s that an edge collects (edge/auth/uses.py) a use is shown within a minute.
STORE_SECONDS: Final = 20.0
# Keys that await the store while it is away. A key takes 0.2 KB.
CAPACITY: Final = 200_000
_LAST_STORE_SECONDS: Final = 2.0
_OWNERS: Final = f"SELECT key_id, tenant_id FROM {REGISTRY}.keys WHERE key_id = ANY($1)"  # noqa: S608 - a constant name
# In order, so that replicas that store the same keys wait for each other and never in a circle.
_STORE: Final = """
INSERT INTO {schema}.key_uses AS known (key_id, used_at)
SELECT used.key_id, used.at FROM unnest($1::text[], $2::timestamptz[]) AS used (key_id, at) ORDER BY used.key_id
ON CONFLICT (key_id) DO UPDATE SET used_at = EXCLUDED.used_at WHERE known.used_at < EXCLUDED.used_at
"""
# A use that a crash of the database forgets is no loss; waiting for its disk for each tenant would be one.
_NOT_AWAITED: Final = "SELECT set_config('synchronous_commit', 'off', true)"
log = structlog.get_logger()


class KeyUses:
    """The newest use of each key since it was last stored."""

    def __init__(self, pool: Any, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._pool = pool
        self._clock = clock
        self._uses: dict[str, datetime] = {}

    def note(self, uses: Iterable[tuple[str, datetime]]) -> None:
        """Collects uses of keys by id. A time to come is a clock that is fast: it counts as now."""
        now = self._clock()
        for key_id, at in uses:
            known = self._uses.get(key_id)
            if known is None and len(self._uses) >= CAPACITY:
                continue
            at = min(at, now)
            if known is None or known < at:
                self._uses[key_id] = at

    async def run(self) -> None:
        """Stores until cancelled."""
        while True:
            await asyncio.sleep(STORE_SECONDS)
            await self._store()

    async def close(self) -> None:
        """Stores what is left, as far as that can be done in a moment."""
        try:
            async with asyncio.timeout(_LAST_STORE_SECONDS):
                await self._store()
        except TimeoutError:
            log.warning("uses of keys were not stored", keys=len(self._uses))

    async def _store(self) -> None:
        uses, self._uses = self._uses, {}
        if not uses:
            return
        try:
            async with self._pool.acquire() as connection:
                rows = await connection.fetch(_OWNERS, list(uses))
                for tenant, key_ids in _by_tenant(rows).items():
                    await _store_of(connection, tenant, {key_id: uses[key_id] for key_id in key_ids})
        except PUT_OFF as error:
            log.warning("uses of keys are stored later", error=repr(error), keys=len(uses))
            self.note(uses.items())


def _by_tenant(rows: Iterable[Mapping[str, Any]]) -> Mapping[TenantId, list[str]]:
    owned: defaultdict[TenantId, list[str]] = defaultdict(list)
    for row in rows:
        owned[tenant_of(row["tenant_id"])].append(row["key_id"])
    return owned


async def _store_of(connection: Any, tenant: TenantId, uses: Mapping[str, datetime]) -> None:
    try:
        async with connection.transaction():
            await connection.execute(_NOT_AWAITED)
            async with as_tenant(connection, tenant) as schema:
                await connection.execute(_STORE.format(schema=schema), list(uses), list(uses.values()))
    except NOT_THERE:
        pass  # purged meanwhile
