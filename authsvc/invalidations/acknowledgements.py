"""Takes acknowledgements together: all workers acknowledge an event at about the same time, and each would cost a
transaction. What comes while one is under way goes into the next one.
"""

import asyncio
from typing import Any, TypeAlias

from authsvc.invalidations import leases
from authsvc.invalidations.leases import Acknowledgement, Grant, Worker

_Waiting: TypeAlias = "tuple[Acknowledgement, asyncio.Future[Grant]]"


class Acknowledgements:
    """Those that wait for their turn, by worker."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._turn = asyncio.Lock()
        self._waiting: dict[Worker, _Waiting] = {}

    async def take(self, told: Acknowledgement) -> Grant:
        """Notes it; what it earned. Raises what the store raises.

        Whoever has the turn takes the others' along. Those of a failed turn wait for another one; that of a caller who
        has left is dropped.
        """
        granted: asyncio.Future[Grant] = asyncio.get_running_loop().create_future()
        own = self._waiting[told.worker] = (told, granted)
        try:
            async with self._turn:
                if not granted.done():
                    await self._note(own)
        finally:
            self._drop(own)
        return granted.result()

    async def _note(self, own: _Waiting) -> None:
        self._drop(own)
        # No worker twice: one that acknowledges anew while its earlier call has the turn comes later.
        again = self._waiting.pop(own[0].worker, None)
        taken, self._waiting = [own, *self._waiting.values()], {}
        if again is not None:
            self._waiting[again[0].worker] = again
        try:
            async with self._pool.acquire() as connection:
                grants = await leases.acknowledge(connection, [told for told, _ in taken])
        except BaseException:
            for other in taken[1:]:
                self._waiting.setdefault(other[0].worker, other)
            raise
        for (_, granted), grant in zip(taken, grants, strict=True):
            granted.set_result(grant)

    def _drop(self, waiting: _Waiting) -> None:
        if self._waiting.get(waiting[0].worker) is waiting:
            del self._waiting[waiting[0].worker]
