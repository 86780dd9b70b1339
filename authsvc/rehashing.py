"""Brings keys under the newest pepper: what a look-up has proven under an older one is hashed anew, off its path."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

import structlog

from authsvc.key_records import KeyRecord
from authsvc.peppers import Digest, Peppers
from authsvc.tenant_rows import NOT_THERE, as_tenant
from domain.tenants import TenantId
from svckit.postgres import PUT_OFF

REHASH_SECONDS: Final = 20.0
# More than are looked up in that time wait for their next look-up.
CAPACITY: Final = 10_000
# Unless it was done meanwhile. In the order of ids, so that replicas never wait for each other in a circle.
_REHASH: Final = "UPDATE {schema}.api_keys SET digest = $2, pepper_id = $3 WHERE key_id = $1 AND pepper_id < $3"
log = structlog.get_logger()


class Rehashing:
    """Keys that were proven under an older pepper."""

    def __init__(self, pool: Any, peppers: Peppers) -> None:
        self._pool = pool
        self._peppers = peppers
        self._due: dict[str, tuple[TenantId, Digest]] = {}

    def proven(self, record: KeyRecord, credential: bytes) -> None:
        """Takes a key that `credential` has just proven."""
        if record.digest.pepper_id != self._peppers.newest and len(self._due) < CAPACITY:
            self._due[record.key_id] = (record.tenant_id, self._peppers.digest(credential))

    async def run(self) -> None:
        """Hashes anew until cancelled."""
        while True:
            await asyncio.sleep(REHASH_SECONDS)
            await self.rehash()

    async def rehash(self) -> None:
        """Stores the new digests. Those that cannot be stored now wait for their next look-up."""
        due, self._due = self._due, {}
        grouped: defaultdict[TenantId, list[tuple[str, bytes, int]]] = defaultdict(list)
        for key_id, (tenant, digest) in sorted(due.items()):
            grouped[tenant].append((key_id, digest.value, digest.pepper_id))
        try:
            for tenant, rows in grouped.items():
                async with self._pool.acquire() as connection:
                    await _rehash_of(connection, tenant, rows)
        except PUT_OFF as error:
            log.warning("keys are hashed anew later", error=repr(error), keys=len(due))


async def _rehash_of(connection: Any, tenant: TenantId, rows: Iterable[tuple[str, bytes, int]]) -> None:
    try:
        async with connection.transaction(), as_tenant(connection, tenant) as schema:
            await connection.executemany(_REHASH.format(schema=schema), rows)
    except NOT_THERE:
        pass  # purged meanwhile
