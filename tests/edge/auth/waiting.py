"""Waits for what the code under test tells nobody about."""

import asyncio
from collections.abc import Callable

DEADLINE_SECONDS = 20.0


async def until(holds: Callable[[], bool]) -> None:
    """Returns when the condition holds; fails at the deadline."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not holds():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.002)
