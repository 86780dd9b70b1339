"""The reference model of concurrency limits: slots held by leases that expire.

States are values, times whole microseconds of any clock; ratelimitsvc keeps the same states in Redis and is held equal
to this model by property tests.
"""

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class ConcurrencyLimit:
    """At most `slots` leases at a time on `key`."""

    key: bytes
    slots: int


@dataclass(frozen=True, slots=True)
class Acquisition:
    """Whether slots were taken, in terms of the limit that binds (index `binding`).

    That is the refusing one with the longest wait, or of granting ones the one with the fewest free slots
    (`remaining`); of equals the first. `retry_after_micros` is the exact time until enough leases expire, 0 when
    slots were taken.
    """

    granted: bool
    binding: int
    remaining: int
    retry_after_micros: int


@dataclass(frozen=True, slots=True)
class Leases:
    """The leases on one key: expiry and id of each, soonest first. A lease is held until just before its expiry.

    Times are on the key's own clock, which is the caller's plus `skew`: it stands while the caller's steps back, and
    goes on from there. `latest` is when the leases were changed last.
    """

    leases: tuple[tuple[int, bytes], ...] = ()
    latest: int = 0
    skew: int = 0

    def steadied(self, now: int) -> "Leases":
        """The leases with a clock that does not run behind their last change."""
        return replace(self, skew=self.latest - now) if self.leases and self.latest > now + self.skew else self

    def held(self, now: int) -> tuple[tuple[int, bytes], ...]:
        """The leases that have not expired."""
        return tuple(lease for lease in self.leases if lease[0] > now + self.skew)

    def wait(self, limit: ConcurrencyLimit, now: int) -> int:
        """Microseconds until a slot comes free by itself."""
        held = self.held(now)
        excess = len(held) + 1 - limit.slots
        return 0 if excess <= 0 else held[excess - 1][0] - now - self.skew

    def holds(self, lease_id: bytes, now: int) -> bool:
        """Whether the lease has a slot."""
        return any(each == lease_id for _, each in self.held(now))

    def added(self, lease_id: bytes, duration: int, now: int) -> "Leases":
        """The leases with one that expires `duration` from now."""
        held = [*self.held(now)]
        insort(held, (now + self.skew + duration, lease_id))
        return Leases(tuple(held), now + self.skew, self.skew)

    def without(self, lease_id: bytes, now: int) -> "Leases":
        """The leases without one."""
        held = tuple(lease for lease in self.held(now) if lease[1] != lease_id)
        return Leases(held, now + self.skew, self.skew)


def acquire(
    states: Sequence[Leases], limits: Sequence[ConcurrencyLimit], lease_id: bytes, duration: int, now_micros: int
) -> tuple[Acquisition, tuple[Leases, ...]]:
    """Takes a slot of each of `limits` (distinct keys) for `duration` microseconds, or none at all."""
    states = tuple(state.steadied(now_micros) for state in states)
    waits = [state.wait(limit, now_micros) for state, limit in zip(states, limits, strict=True)]
    wait = max(waits)
    if wait == 0:
        states = tuple(state.added(lease_id, duration, now_micros) for state in states)
    remaining = [max(0, limit.slots - len(state.held(now_micros))) for state, limit in zip(states, limits, strict=True)]
    binding = waits.index(wait) if wait else remaining.index(min(remaining))
    return Acquisition(wait == 0, binding, remaining[binding], wait), states


def renew(states: Sequence[Leases], lease_id: bytes, duration: int, now_micros: int) -> tuple[bool, tuple[Leases, ...]]:
    """Has the lease expire `duration` microseconds from now, if it is held in every state; whether it was."""
    states = tuple(state.steadied(now_micros) for state in states)
    if not all(state.holds(lease_id, now_micros) for state in states):
        return False, states
    return True, tuple(state.without(lease_id, now_micros).added(lease_id, duration, now_micros) for state in states)


def release(states: Sequence[Leases], lease_id: bytes, now_micros: int) -> tuple[bool, tuple[Leases, ...]]:
    """Ends the lease wherever it is held; whether it was held in every state."""
    states = tuple(state.steadied(now_micros) for state in states)
    holding = [state.holds(lease_id, now_micros) for state in states]
    return all(holding), tuple(
        state.without(lease_id, now_micros) if holds else state for state, holds in zip(states, holding, strict=True)
    )
