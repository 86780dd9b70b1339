"""Lets one stream to authsvc wake the other's wait for its next attempt: where one came through, both will."""

import asyncio


class Comeback:
    """Shared by what reconnects to the same process."""

    def __init__(self) -> None:
        self._reached = asyncio.Event()

    def announce(self) -> None:
        """Ends the waits that are under way."""
        self._reached.set()
        self._reached = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        """Waits, but not beyond the next announcement."""
        reached = self._reached
        try:
            async with asyncio.timeout(seconds):
                await reached.wait()
        except TimeoutError:
            pass
