"""The newest events in memory: one reader per process, however many watchers.

A watcher asks for what comes after its position; what the memory no longer has is read from the log.
"""

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator
from itertools import dropwhile
from typing import Any, Final

import structlog

from authsvc.invalidations import log as events
from authsvc.invalidations.log import Event, Extent
from authsvc.invalidations.signals import Bell, rung_within
from svckit.backoff import delays
from svckit.postgres import AWAY

_KEPT_EVENTS: Final = 4096
# Looks by itself, should a signal be lost.
_LOOK_SECONDS: Final = 1.0
log = structlog.get_logger()


class Tail:
    """The end of the log, as far as this process has read it."""

    def __init__(self, pool: Any, appended: Bell, kept_events: int = _KEPT_EVENTS) -> None:
        self._pool = pool
        self._appended = appended
        self._grown = Bell()
        self._events: deque[Event] = deque(maxlen=kept_events)
        self._head = 0

    async def load(self) -> None:
        """Starts at the present end of the log."""
        self._head = (await self.extent()).head

    async def extent(self) -> Extent:
        """What the log holds now, from the log itself."""
        async with self._pool.acquire() as connection:
            return await events.extent(connection)

    async def run(self) -> None:
        """Reads on until cancelled; while the store is away watchers get nothing."""
        waits = delays(random.SystemRandom().random, scale=0.1)
        while True:
            try:
                while True:
                    ring = self._appended.next_ring()
                    await self._read()
                    waits = delays(random.SystemRandom().random, scale=0.1)
                    await rung_within(ring, _LOOK_SECONDS)
            except AWAY as error:
                log.warning("the log of invalidations is out of reach", error=repr(error))
            await asyncio.sleep(next(waits))

    async def after(self, position: int) -> list[Event]:
        """The events after `position`, at least one; waits for them."""
        while self._head <= position:
            await self._grown.next_ring().wait()
        if self._events and self._events[0].revision <= position + 1:
            return list(dropwhile(lambda event: event.revision <= position, self._events))
        async with self._pool.acquire() as connection:
            return await events.after(connection, position)

    async def pages(self, position: int, head: int) -> AsyncIterator[list[Event]]:
        """The events after `position` up to revision `head` at least, from the log itself."""
        while position < head:
            async with self._pool.acquire() as connection:
                page = await events.after(connection, position)
            if not page:
                return
            yield page
            position = page[-1].revision

    async def _read(self) -> None:
        while True:
            async with self._pool.acquire() as connection:
                found = await events.after(connection, self._head)
            if not found:
                return
            self._events.extend(found)
            self._head = found[-1].revision
            self._grown.ring()
