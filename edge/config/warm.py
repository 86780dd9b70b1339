"""The warm copies of a worker: what a start begins with, and what every change is written to afterwards.

Nothing here is needed to serve: a copy that cannot be read or written is a line in the log.
"""

import asyncio
import random
from collections.abc import Callable, Iterable
from typing import Final

import structlog
from redis.exceptions import RedisError

from domain.tenants import TenantId
from edge.config.ledger import Ledger
from edge.config.warm_copy import WarmCopy, merged
from edge.config.warm_disk import WarmDisk
from edge.config.warm_redis import WarmRedis
from svckit.backoff import delays

# A start waits so long for Redis before it goes on with the disk.
LOAD_SECONDS: Final = 1.0
_SAVE_SECONDS: Final = 5.0
# A worker that is not its host's writer looks so often whether the writer is gone.
_CLAIM_SECONDS: Final = 5.0
log = structlog.get_logger()


class WarmCopies:
    """Both copies; `redis` is None where none is configured."""

    def __init__(self, disk: WarmDisk, redis: WarmRedis | None) -> None:
        self._disk = disk
        self._redis = redis
        self._changed: set[TenantId] = set()
        self._wanted = asyncio.Event()

    async def load(self) -> WarmCopy | None:
        """The newest state of each tenant in either copy; None when there is none to begin with."""
        found = (await self._load_redis(), await asyncio.to_thread(self._disk.load))
        return merged(copy for copy in found if copy is not None)

    def note(self, changed: Iterable[TenantId]) -> None:
        """Asks for these tenants to be written; returns at once."""
        self._changed.update(changed)
        self._wanted.set()

    async def run(self, ledger: Callable[[], Ledger]) -> None:
        """Writes what was asked for until cancelled; many changes at once are one writing."""
        waits = delays(random.SystemRandom().random)
        try:
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                changed, self._changed = self._changed, set()
                if await self._save(ledger(), changed):
                    waits = delays(random.SystemRandom().random)
                    continue
                self._changed |= changed
                await asyncio.sleep(min(next(waits), _CLAIM_SECONDS))
                self._wanted.set()
        finally:
            self._disk.close()

    async def _save(self, ledger: Ledger, changed: set[TenantId]) -> bool:
        """Whether this worker wrote everything; the host's other workers find the lock taken and write nothing."""
        head = ledger.resume_from
        everything = tuple(ledger.copies())
        try:
            if not await asyncio.to_thread(self._disk.save, head, everything):
                return False
            if self._redis is not None:
                copies = [copy for tenant in changed if (copy := ledger.copy_of(tenant)) is not None]
                async with asyncio.timeout(_SAVE_SECONDS):
                    await self._redis.save(head, copies, everything)
        except (OSError, RedisError) as error:
            log.warning("warm copy of the config not written", error=repr(error))
            return False
        return True

    async def _load_redis(self) -> WarmCopy | None:
        if self._redis is None:
            return None
        try:
            async with asyncio.timeout(LOAD_SECONDS):
                return await self._redis.load()
        except (OSError, RedisError) as error:
            log.warning("warm copy of the config not read from Redis", error=repr(error))
            return None
