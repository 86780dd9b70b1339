"""How many tunnels a worker has open, in all and of each tenant, and what has passed through them."""

from collections import Counter
from dataclasses import dataclass, field

from penstock.errors.v1 import error_reason_pb2 as reasons

from domain.tenants import TenantId
from edge.problems import Refusal
from edge.websocket.frames import ABNORMAL, may_be_sent

RETRY_AFTER = ((b"Retry-After", b"5"),)
OWN = frozenset((4401, 4402, 4403, 4404))


@dataclass(slots=True)
class Passed:
    """What has passed in one direction."""

    messages: int = 0
    octets: int = 0


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many tunnels a worker holds at most, in all and of one tenant."""

    tunnels: int = 4096
    of_tenant: int = 1024


@dataclass(slots=True)
class Tunnels:
    """The tunnels of one worker."""

    bounds: Bounds = field(default_factory=Bounds)
    received: Passed = field(default_factory=Passed)
    """From clients."""
    sent: Passed = field(default_factory=Passed)
    closed: Counter[str] = field(default_factory=Counter)
    """Tunnels that have ended, by the code; codes of the applications' own count as one."""
    refused: Counter[str] = field(default_factory=Counter)
    """Those that there was no room for, by the bound."""
    of_tenant: Counter[TenantId] = field(default_factory=Counter)
    open: int = 0

    def enter(self, tenant: TenantId) -> Refusal | None:
        """Takes a place for a tunnel of the tenant; says why there is none. Who has one must `leave`."""
        full = ""
        if self.open >= self.bounds.tunnels:
            full = "worker"
        elif self.of_tenant[tenant] >= self.bounds.of_tenant:
            full = "tenant"
        if full:
            self.refused[full] += 1
            return Refusal(
                reasons.ERROR_REASON_OVERLOADED, f"there are too many WebSockets of this {full}", fields=RETRY_AFTER
            )
        self.open += 1
        self.of_tenant[tenant] += 1
        return None

    def leave(self, tenant: TenantId) -> None:
        """Gives the place back."""
        self.open -= 1
        self.of_tenant[tenant] -= 1
        if not self.of_tenant[tenant]:
            del self.of_tenant[tenant]

    def count_end(self, code: int) -> None:
        """Counts a tunnel that has ended with this code."""
        defined = code in OWN or (code < 3000 and (may_be_sent(code) or code <= ABNORMAL))
        self.closed[str(code) if defined else "other"] += 1
