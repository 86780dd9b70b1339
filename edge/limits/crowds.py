"""Which counters of addresses are used: of each tenant a bounded number, beyond that a few that many addresses share.

Addresses are cheap, above all IPv6, and each has a counter in the shared store for as long as its window. A flood of
them must not fill the store, nor take away the counters of those who were there before. Pure.
"""

from ipaddress import IPv6Address
from zlib import crc32

from edge.limits.policy import LimitPlan, LimitSet

MAX_COUNTERS = 10_000
"""Of one tenant and kind (anonymous callers, failed authentications) in one worker."""
SHARED_COUNTERS = 16
"""For the addresses beyond, by their network, so that a flood from one network exhausts the share of one."""
# A counter lives for a window after its last request, and up to a quarter longer, depending on how it is stored.
_PLACE_WINDOWS = 1.5
_SWEEP_SECONDS = 1.0


class AddressCounters:
    """The counters that may be in use, by the latest time of their end. Times are in seconds of one steady clock."""

    def __init__(self, max_counters: int = MAX_COUNTERS) -> None:
        self._max_counters = max_counters
        self._crowds: dict[bytes, _Crowd] = {}

    def placed(self, limits: LimitSet, cost: int, now: float) -> LimitSet:
        """The limits on the counter of their address while there is a place for it, else on a shared one. A cost of 0
        takes no place: nothing is stored for it."""
        plan, key = limits
        if plan.crowd is None:
            return limits
        crowd = self._crowds.get(plan.crowd)
        if crowd is None:
            crowd = self._crowds[plan.crowd] = _Crowd()
        if key not in crowd.ends:
            if len(crowd.ends) >= self._max_counters:
                crowd.sweep(now)
            if len(crowd.ends) >= self._max_counters:
                return LimitSet(plan, _shared_key(plan, key))
            if not cost:
                return limits
        crowd.ends[key] = now + plan.policies[0].rate.window_millis * _PLACE_WINDOWS / 1000
        return limits


class _Crowd:
    """The counters of one tenant's addresses."""

    __slots__ = ("_next_sweep", "ends")

    def __init__(self) -> None:
        self.ends: dict[bytes, float] = {}
        self._next_sweep = 0.0

    def sweep(self, now: float) -> None:
        """Gives up the places that are over; not again at once, because it looks at all of them (1 ms for 10,000)."""
        if now >= self._next_sweep:
            self._next_sweep = now + _SWEEP_SECONDS
            self.ends = {key: end for key, end in self.ends.items() if end > now}


def _shared_key(plan: LimitPlan, key: bytes) -> bytes:
    prefix = plan.key_prefix or b""
    network = wide_network(key[len(prefix) :].decode())
    return b"%b*%d" % (prefix, crc32(network.encode()) % SHARED_COUNTERS)


def wide_network(address: str) -> str:
    """The network that somebody with many addresses has them from: of IPv4 the /16, of IPv6 (or its /64) the /32."""
    if ":" not in address:
        return address.rpartition(".")[0].rpartition(".")[0] or address
    try:
        return str(int(IPv6Address(address.partition("/")[0])) >> 96)
    except ValueError:
        return address
