"""What invalidations hit: entries that were cached, and look-ups that were under way when they arrived. Pure.

All is said in revisions of authsvc's log. Whatever was read from the store when revision R had been committed
"has seen" R; an event with a greater revision hits it when it names it. Events are remembered by what they name,
a bounded number of them; what has seen less than the forgotten ones counts as hit.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from edge.principal import Principal

REMEMBERED_EVENTS: Final = 10_000


class Scope(IntEnum):
    """What an event hits; numbers as in penstock.auth.v1.InvalidationScope."""

    API_KEY = 1
    SESSION = 2
    PRINCIPAL = 3
    TENANT = 4
    SIGNING_KEY = 5


@dataclass(frozen=True, slots=True)
class Event:
    """One invalidation."""

    revision: int
    scope: int
    subject: str


@dataclass(frozen=True, slots=True)
class Ticket:
    """Taken when a look-up begins: it will have seen `revision` at least, in the log of that `epoch`."""

    epoch: int
    revision: int


class Fences:
    """The invalidations that have arrived."""

    def __init__(self, remembered_events: int = REMEMBERED_EVENTS) -> None:
        self._capacity = remembered_events
        self._events: dict[tuple[int, str], int] = {}
        # Events up to here may be forgotten.
        self._floor = 0
        self._epoch = 0
        self.applied = 0
        """The newest revision that is in force here. Read-only outside."""

    def ticket(self) -> Ticket:
        """To be taken before a look-up begins."""
        return Ticket(self._epoch, self.applied)

    def apply(self, event: Event) -> bool:
        """Puts the next event in force; False when events are missing before it, and nothing was done."""
        if event.revision <= self.applied:
            return True  # sent again after a reconnection
        if event.revision != self.applied + 1:
            return False
        key = (event.scope, event.subject)
        self._events.pop(key, None)
        self._events[key] = event.revision
        self.applied = event.revision
        if len(self._events) > self._capacity:
            self._floor = self._events.pop(next(iter(self._events)))
        return True

    def reset(self, revision: int) -> None:
        """Starts anew at `revision`, knowing nothing of what came before: look-ups under way count as hit."""
        self._events.clear()
        self._floor = self.applied = revision
        self._epoch += 1

    def seen(self, ticket: Ticket, revision: int) -> int | None:
        """What an answer has seen that says `revision`; None when it comes from before a reset."""
        return max(ticket.revision, revision) if ticket.epoch == self._epoch else None

    def hits(self, principal: Principal, seen: int) -> bool:
        """Whether an event that came after `seen` ends what is known of the principal."""
        if seen >= self.applied:
            return False
        return seen < self._floor or any(self._events.get(key, 0) > seen for key in _subjects(principal))


def _subjects(principal: Principal) -> Iterator[tuple[int, str]]:
    yield Scope.API_KEY, principal.credential_id
    yield Scope.SIGNING_KEY, principal.credential_id
    yield Scope.SESSION, principal.session_id
    yield Scope.PRINCIPAL, principal.id
    yield Scope.TENANT, principal.tenant_id
