"""Deadlines for many connections at the price of an attribute: a timing wheel that looks only at what may be due.

Whoever holds a deadline sets `deadline` to a loop time as often as it likes. The wheel keeps each holder in one
slot and moves it on when its deadline has moved; precision is one tick. A timer of the event loop for each
request would cost 2–3 µs; this costs nothing until a deadline is near.
"""

import asyncio
from collections import defaultdict
from math import ceil, inf
from typing import Protocol

TICK_SECONDS = 0.05


class Expiring(Protocol):
    """Something that ends when its time is up. `deadline` is in loop time; infinite means never."""

    deadline: float

    def expire(self) -> None:
        """Is called once `deadline` has passed, at most a tick late; may set a new one and go on."""


class Deadlines:
    """The wheel. Holders are watched from `watch` until `forget`."""

    def __init__(self) -> None:
        self._slots: dict[int, set[Expiring]] = defaultdict(set)
        self._slot_of: dict[Expiring, int] = {}

    def watch(self, holder: Expiring) -> None:
        """Looks at the holder from now on, no earlier than its present deadline."""
        self._place(holder, holder.deadline)

    def hasten(self, holder: Expiring) -> None:
        """Must be called when a watched holder's deadline has moved to an earlier time."""
        slot = self._slot_of.get(holder)
        if slot is not None and holder.deadline < slot * TICK_SECONDS:
            self.forget(holder)
            self._place(holder, holder.deadline)

    def forget(self, holder: Expiring) -> None:
        """Looks at the holder no more."""
        slot = self._slot_of.pop(holder, None)
        if slot is not None:
            self._slots[slot].discard(holder)

    def _place(self, holder: Expiring, deadline: float) -> None:
        # the wheel needs a finite slot; a minute from now is as good as never, the holder is moved on then
        slot = ceil(deadline / TICK_SECONDS) if deadline < inf else 0
        self._slot_of[holder] = slot
        self._slots[slot].add(holder)

    def sweep(self, now: float) -> None:
        """Expires what is due at `now`, moves on what has a later deadline than when it was placed."""
        due = int(now / TICK_SECONDS)
        for slot in [slot for slot in self._slots if slot <= due]:
            for holder in self._slots.pop(slot):
                del self._slot_of[holder]
                if holder.deadline <= now:
                    self._place(holder, now + 60.0)  # before: it may be forgotten in there
                    holder.expire()
                    self.hasten(holder)
                else:
                    self._place(holder, min(holder.deadline, now + 60.0))

    async def run(self) -> None:
        """Sweeps on every tick until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self.sweep(loop.time())
