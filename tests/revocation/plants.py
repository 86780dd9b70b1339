"""Mistakes in the code under test that the proof must find. Each is made in its process before anything runs."""

from collections.abc import Callable, Mapping
from math import inf
from typing import Any, Final

from authsvc.invalidations import force
from authsvc.rpc import api_key_service
from edge.auth.cache import Entry
from edge.auth.clocks import Moment
from edge.auth.lease import Lease, fresh_until
from edge.auth.memory import Answer, Memory
from edge.principal import Rejection


def replace(holder: object, name: str, value: object) -> None:
    """Puts a value in place of another one of a class or module."""
    setattr(holder, name, value)


def no_fence() -> None:
    """A look-up that a revocation has overtaken is remembered as if it had come after it."""

    def settle(self: Memory, digest: bytes, answer: Answer, _begun_at: float, now: Moment) -> bool:
        if isinstance(answer.outcome, Rejection):
            self.cache.drop(digest)
        else:
            fresh = fresh_until(answer.outcome.kind, now.steady)
            self.cache.put(digest, Entry(answer.outcome, self.fences.applied, fresh))
        return True

    replace(Memory, "settle", settle)


def no_eviction() -> None:
    """What is cached is not looked at again when an event has come."""
    replace(Memory, "_intact", lambda self, digest: self.cache.get(digest))


def endless_lease() -> None:
    """A lease that was granted never runs out."""

    def grant(self: Lease, _sent_at: float, _seconds: float, _now: float) -> None:
        self.until = inf

    replace(Lease, "grant", grant)


def no_wait() -> None:
    """authsvc calls a revocation in force when it is committed."""
    waiting = force.in_force

    async def hasty(pool: Any, bell: Any, _revision: int, *rest: Any) -> Any:
        return await waiting(pool, bell, 0, *rest)

    replace(api_key_service, "in_force", hasty)


PLANTS: Final[Mapping[str, Callable[[], None]]] = {
    "": lambda: None,
    **{each.__name__: each for each in (no_fence, no_eviction, endless_lease, no_wait)},
}
