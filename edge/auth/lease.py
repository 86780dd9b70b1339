"""How long the cache may be trusted. Pure: times come in as arguments, in seconds of the steady clock but for expiry.

While the lease runs, authsvc waits for this worker before it calls a revocation done. When it is out, entries are
re-validated; while authsvc is away they serve on for a bounded time.
"""

from dataclasses import dataclass
from enum import Enum, auto
from math import inf
from typing import Final

from edge.auth.clocks import Moment
from edge.principal import PrincipalKind

MAX_AGE_SECONDS: Final = {
    PrincipalKind.CONSUMER: 900.0,
    PrincipalKind.USER: 900.0,
    PrincipalKind.SERVICE: 300.0,
}
DEFAULT_MAX_STALE_SECONDS: Final = 900.0


class Use(Enum):
    """What may be done with a cached entry."""

    SERVE = auto()
    SERVE_STALE = auto()
    ASK = auto()
    FORGET = auto()


@dataclass(slots=True)
class Lease:
    """The worker's lease. `until` is when it runs out; `reachable` whether the last word with authsvc succeeded."""

    max_stale_seconds: float = DEFAULT_MAX_STALE_SECONDS
    until: float = -inf
    reachable: bool = True

    def grant(self, sent_at: float, seconds: float) -> None:
        """Notes a renewal, counted from its sending: authsvc counts from its later arrival."""
        self.until = max(self.until, sent_at + seconds)

    def judge(self, confirmed_at: float, fresh_until: float, expires_at: float, now: Moment) -> Use:
        """What may be done with an entry that was read from the store at `confirmed_at`.

        `expires_at` is a time of the wall clock.
        """
        if now.wall >= expires_at:
            return Use.FORGET
        if now.steady < self.until and now.steady < fresh_until:
            return Use.SERVE
        if not self.reachable and now.steady < max(self.until, confirmed_at) + self.max_stale_seconds:
            return Use.SERVE_STALE
        return Use.ASK


def fresh_until(kind: PrincipalKind, confirmed_at: float) -> float:
    """Until when an entry may serve without being looked up again, unless it expires before."""
    return confirmed_at + MAX_AGE_SECONDS[kind]
