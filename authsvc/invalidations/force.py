"""Waits until an invalidation is in force everywhere: acknowledged by every worker that may serve from its cache."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from authsvc.invalidations import leases
from authsvc.invalidations.leases import LEASE, Lease, Worker
from authsvc.invalidations.signals import Bell, rung_within

WAIT_SECONDS: Final = 2.0
# Leases also end by themselves, which rings no bell.
_LOOK_SECONDS: Final = 0.25


@dataclass(frozen=True, slots=True)
class Force:
    """How far an event has come. Pending workers have it at the latest at `effective_time`."""

    acknowledged: tuple[Worker, ...]
    pending: tuple[Worker, ...]
    effective_time: datetime

    @property
    def everywhere(self) -> bool:
        return not self.pending


def judge(revision: int, committed: datetime, serving: Sequence[Lease], now: datetime) -> Force:
    """How far the event `revision` has come, by the leases of those that may serve from their caches at `now`."""
    acknowledged = tuple(lease.worker for lease in serving if lease.revision >= revision)
    pending = [lease for lease in serving if lease.revision < revision]
    # A renewal on its way carries no worker beyond the second bound.
    effective = max((max(lease.serves_until, committed + LEASE + lease.max_stale) for lease in pending), default=now)
    return Force(acknowledged, tuple(lease.worker for lease in pending), effective)


async def in_force(
    pool: Any, acknowledged: Bell, revision: int, committed: datetime, wait_seconds: float = WAIT_SECONDS
) -> Force:
    """How far the event has come after at most `wait_seconds`; returns at once when it is in force."""
    deadline = time.monotonic() + wait_seconds
    while True:
        ring = acknowledged.next_ring()
        async with pool.acquire() as connection:
            now, serving = await leases.serving(connection)
        force = judge(revision, committed, serving, now)
        left = deadline - time.monotonic()
        if force.everywhere or left <= 0:
            return force
        await rung_within(ring, min(_LOOK_SECONDS, left))
