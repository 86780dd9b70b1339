"""What other replicas announce through PostgreSQL: that there are new events or new acknowledgements.

A signal says "look now" and carries nothing: a lost one (the connection broke) delays a look, no more, because
everybody who waits looks again by itself after a while.
"""

import asyncio
import random
from typing import Any, Final

import structlog

from authsvc.invalidations.leases import ACKNOWLEDGED
from authsvc.invalidations.log import APPENDED, CHANNEL
from svckit.backoff import delays
from svckit.postgres import AWAY, is_lost, listening

_PROBE_SECONDS: Final = 5.0
log = structlog.get_logger()


class Bell:
    """Wakes everybody who waits at the moment it rings.

    Take `next_ring` before looking, so that a ring during the look is not missed.
    """

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()
        self._rung = asyncio.Event()

    def next_ring(self) -> asyncio.Event:
        """Is set by the next ring from now on."""
        return self._rung


async def rung_within(ring: asyncio.Event, seconds: float) -> None:
    """Returns at the ring, or after the time is over."""
    try:
        async with asyncio.timeout(seconds):
            await ring.wait()
    except TimeoutError:
        pass


class Signals:
    """The two bells of a process, rung from anywhere in the cluster."""

    def __init__(self) -> None:
        self.appended: Final = Bell()
        self.acknowledged: Final = Bell()

    def heard(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        """Rings the bell that a notification names; the listener of asyncpg."""
        if payload == APPENDED:
            self.appended.ring()
        elif payload == ACKNOWLEDGED:
            self.acknowledged.ring()

    async def run(self, pool: Any) -> None:
        """Listens until cancelled, on a connection of its own; reconnects for ever."""
        waits = delays(random.SystemRandom().random, scale=0.1)
        while True:
            try:
                async with listening(pool, CHANNEL, self.heard) as connection:
                    waits = delays(random.SystemRandom().random, scale=0.1)
                    while not is_lost(connection):  # a silent one is found by probing
                        await connection.execute("SELECT 1")
                        await asyncio.sleep(_PROBE_SECONDS)
            except AWAY as error:
                log.warning("no signals from PostgreSQL", error=repr(error))
            await asyncio.sleep(next(waits))
