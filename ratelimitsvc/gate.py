"""How many batches are at Redis at a time, and how long one may wait for its turn.

What is decided late is of no use to whoever asked, and keeps what comes after it waiting.
"""

import asyncio


class Gate:
    """Lets `width` batches through at a time, first come, first served. None waits longer than `bound_seconds`."""

    def __init__(self, width: int, bound_seconds: float) -> None:
        self._room = asyncio.Semaphore(width)
        self._bound_seconds = bound_seconds

    def deadline(self, budget_millis: int = 0) -> float:
        """When a batch that comes now has waited long enough, on the loop's clock; `budget_millis` shortens it."""
        own = budget_millis / 1000 or self._bound_seconds
        return asyncio.get_running_loop().time() + min(own, self._bound_seconds)

    async def enter(self, deadline: float) -> bool:
        """Returns when it is the caller's turn, which lasts until `leave`; False: not before the deadline."""
        if asyncio.get_running_loop().time() >= deadline:
            return False
        if not self._room.locked():
            return await self._room.acquire()
        try:
            async with asyncio.timeout_at(deadline):
                return await self._room.acquire()
        except TimeoutError:
            return False

    def leave(self) -> None:
        """Ends a turn."""
        self._room.release()
