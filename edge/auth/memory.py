"""Decides what the worker remembers of credentials: cache, refusals, fences and lease as one state. Pure.

The rule that holds it together: nothing is remembered, or served, that an invalidation has hit which this worker
has acknowledged.
"""

from dataclasses import dataclass

from edge.auth.cache import Entry, PrincipalCache
from edge.auth.clocks import Moment
from edge.auth.fences import Event, Fences, Ticket
from edge.auth.lease import Lease, Use, fresh_until
from edge.auth.negatives import Negatives
from edge.principal import Principal, Rejection


@dataclass(frozen=True, slots=True)
class Answer:
    """What authsvc said to a look-up that began with `ticket`; `revision` is what it says to have seen, `asked_at` when
    it was asked (steady seconds)."""

    outcome: Principal | Rejection
    revision: int
    ticket: Ticket
    asked_at: float


class Memory:
    """What a worker remembers of credentials, by their digest."""

    def __init__(self, cache: PrincipalCache, negatives: Negatives, fences: Fences, lease: Lease) -> None:
        self.cache = cache
        self.negatives = negatives
        self.fences = fences
        self.lease = lease

    def recall(self, digest: bytes, now: Moment) -> tuple[Principal | Rejection, Use] | None:
        """What is remembered and may be served (SERVE or SERVE_STALE), or None: authsvc is to be asked."""
        entry = self._intact(digest)
        if entry is None:
            refused = self.negatives.get(digest, now.steady)
            return None if refused is None else (refused, Use.SERVE)
        use = self.lease.judge(entry.fresh_until, entry.principal.expires_at, now)
        if use is Use.FORGET:
            self.cache.drop(digest)
            return None
        return None if use is Use.ASK else (entry.principal, use)

    def settle(self, digest: bytes, answer: Answer, begun_at: float, now: Moment) -> bool:
        """Remembers an answer; False when it is too old for a request that began at `begun_at` (steady seconds): ask
        again.

        While the lease runs, nothing is ended without word to this worker. Else an answer is good only for those who
        began before it was asked for: it may have been on its way for as long as this process was stopped.
        """
        seen = self.fences.seen(answer.ticket, answer.revision)
        if seen is None or (answer.asked_at < begun_at and now.steady >= self.lease.until):
            return False
        if isinstance(answer.outcome, Rejection):
            self.cache.drop(digest)
            if seen >= self.fences.applied:
                self.negatives.put(digest, answer.outcome, now.steady)
            return True
        if self.fences.hits(answer.outcome, seen):
            return False
        if now.wall < answer.outcome.expires_at:
            fresh = fresh_until(answer.outcome.kind, now.steady)
            self.cache.put(digest, Entry(answer.outcome, max(seen, self.fences.applied), fresh))
        return True

    def invalidate(self, event: Event) -> bool:
        """Puts the next event in force; False when events are missing before it, and nothing was done."""
        self.negatives.clear()
        return self.fences.apply(event)

    def reset(self, revision: int) -> None:
        """Forgets everything; the watch goes on from `revision`."""
        self.cache.clear()
        self.negatives.clear()
        self.fences.reset(revision)

    def _intact(self, digest: bytes) -> Entry | None:
        """The entry, if no invalidation has hit it since it was last used."""
        entry = self.cache.get(digest)
        if entry is None or entry.seen >= self.fences.applied:
            return entry
        if self.fences.hits(entry.principal, entry.seen):
            self.cache.drop(digest)
            return None
        entry.seen = self.fences.applied
        return entry
