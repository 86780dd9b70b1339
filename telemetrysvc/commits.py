"""Gathers the batches of all streams into few transactions: under load they grow, idle ones go at once.

A batch is answered when its rows are committed, and not before.
"""

import asyncio
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import structlog

from svckit.postgres import AWAY
from telemetrysvc.batches import Batch, TenantRows
from telemetrysvc.store import Store, install_codecs
from telemetrysvc.tenants import Tenants

# One transaction's worth: larger ones are no faster (measured), and take longer to repeat when one row is bad.
_RECORDS: Final = 5_000
# Batches that wait for a writer; a stream beyond that waits, and the edge keeps its records.
_WAITING: Final = 256
# A connection's memory grows with every schema that it has touched.
_COMMITS_PER_CONNECTION: Final = 1_000
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Outcome:
    """`refused` records of the batch will never be stored; the rest is stored if `committed`."""

    committed: bool
    refused: int = 0


@dataclass(frozen=True, slots=True)
class _Waiting:
    batch: Batch
    outcome: asyncio.Future[Outcome]


class Commits:
    """Several writers take batches from one queue."""

    def __init__(self, pool: Any, tenants: Tenants) -> None:
        self._pool: Final = pool
        self._tenants: Final = tenants
        self._store: Final = Store()
        self._queue: Final[asyncio.Queue[_Waiting]] = asyncio.Queue(_WAITING)

    async def submit(self, batch: Batch) -> asyncio.Future[Outcome]:
        """Queues a batch; the future has its outcome. Waits while too many are queued."""
        waiting = _Waiting(batch, asyncio.get_running_loop().create_future())
        await self._queue.put(waiting)
        return waiting.outcome

    async def write(self) -> None:
        """One writer: runs until cancelled."""
        group: list[_Waiting] = []
        while True:
            group = group or [await self._queue.get()]
            try:
                async with self._pool.acquire() as connection:
                    await install_codecs(connection)
                    for _ in range(_COMMITS_PER_CONNECTION):
                        self._gather(group)
                        await self._commit(connection, group)
                        group = [await self._queue.get()]
                        if _is_lost(connection):
                            break  # it died while there was nothing to do
            except (*AWAY, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("records cannot be stored now", error=repr(error))
                for waiting in group:
                    _answer(waiting, Outcome(committed=False))
                group = []

    def _gather(self, group: list[_Waiting]) -> None:
        size = sum(waiting.batch.size for waiting in group)
        while size < _RECORDS and not self._queue.empty():
            waiting = self._queue.get_nowait()
            group.append(waiting)
            size += waiting.batch.size

    async def _commit(self, connection: Any, group: Sequence[_Waiting]) -> None:
        """Stores the group in one transaction and answers it."""
        rows: dict[str, TenantRows] = {}
        unknown: set[bytes] = set()
        for tenant in {tenant for waiting in group for tenant in waiting.batch.tenants}:
            schema = await self._tenants.schema_of(tenant)
            if schema is None:
                unknown.add(tenant)
                continue
            rows[schema] = gathered = TenantRows()
            for waiting in group:
                if (own := waiting.batch.tenants.get(tenant)) is not None:
                    gathered.extend(own)
        stored = await self._store.store(connection, dict(sorted(rows.items())))
        for schema in stored.gone:
            self._tenants.forget(schema)
        for waiting in group:
            _answer(waiting, Outcome(True, _refused(waiting.batch, unknown, stored.refused)))


def _is_lost(connection: Any) -> bool:
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:
        return True  # the pool has taken it back


def _refused(batch: Batch, unknown: set[bytes], rows: Set[bytes]) -> int:
    refused = batch.refused + sum(len(batch.tenants[tenant]) for tenant in unknown if tenant in batch.tenants)
    if rows:
        tenants = batch.tenants.values()
        refused += sum(row[0] in rows for of_tenant in tenants for row in (*of_tenant.requests, *of_tenant.health))
    return refused


def _answer(waiting: _Waiting, outcome: Outcome) -> None:
    if not waiting.outcome.done():  # its stream may have ended meanwhile
        waiting.outcome.set_result(outcome)
