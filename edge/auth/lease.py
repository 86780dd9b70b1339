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
RENEWAL_TIMEOUT_SECONDS: Final = 2.0
"""How long a renewal may take; authsvc reckons with it (authsvc/invalidations/leases.py, `IN_TIME`)."""


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

    def grant(self, sent_at: float, seconds: float, now: float) -> None:
        """Notes a renewal, counted from its sending: authsvc counts from its later arrival.

        A grant of nothing is none: whoever has no lease may not serve without one either. One that is answered late
        is void, since authsvc may have stopped waiting for this worker before it came into force.
        """
        if seconds > 0 and now <= sent_at + RENEWAL_TIMEOUT_SECONDS:
            self.until = max(self.until, sent_at + seconds)

    def judge(self, fresh_until: float, expires_at: float, now: Moment) -> Use:
        """What may be done with an entry that is fresh until `fresh_until` and expires at `expires_at`, a time of the
        wall clock.

        Without a lease the worker serves for as long as authsvc was told when it gave the last one, and waits. How
        lately the entry was looked up counts for nothing: of that look-up authsvc knows no more.
        """
        if now.wall >= expires_at:
            return Use.FORGET
        if now.steady < self.until and now.steady < fresh_until:
            return Use.SERVE
        if not self.reachable and now.steady < self.until + self.max_stale_seconds:
            return Use.SERVE_STALE
        return Use.ASK


def fresh_until(kind: PrincipalKind, confirmed_at: float) -> float:
    """Until when an entry may serve without being looked up again, unless it expires before."""
    return confirmed_at + MAX_AGE_SECONDS[kind]
