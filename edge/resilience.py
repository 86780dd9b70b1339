"""How a service bears the failures of its targets, as its document says it. Values only; edge/upstream acts by them.

Where the defaults come from stands in docs/config.md, beside what Envoy, HAProxy and nginx do.
"""

from dataclasses import dataclass
from enum import Enum


class Policy(Enum):
    """How a target is chosen."""

    ROUND_ROBIN = "round_robin"
    LEAST_REQUESTS = "least_requests"
    HASH = "hash"


@dataclass(frozen=True, slots=True)
class Balance:
    """How requests are spread. `hash_header`, in lower case, names the field to hash; empty: the client's address.

    `slow_start` in seconds is how long a target that comes back takes to get its whole share. When less than
    `panic_percent` of the targets are in use, all are used, whatever is known of them; 0: never.
    """

    policy: Policy = Policy.ROUND_ROBIN
    hash_header: bytes = b""
    slow_start: float = 0.0
    panic_percent: int = 1


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """When a target is asked for `path`, every `interval` seconds, and how many answers in a row change its verdict."""

    path: str
    interval: float = 10.0
    unhealthy_after: int = 3
    healthy_after: int = 2


@dataclass(frozen=True, slots=True)
class Breaker:
    """So many `failures` in a row stop the requests to a target for `open` seconds; then one tries it."""

    failures: int
    open: float = 10.0


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a request is sent at most, the first time included, and which share of requests may be repeats."""

    attempts: int
    budget_percent: int = 20


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Of one worker to one target: connections at a time, and seconds that an idle one is kept.

    4 s are below the 5 s after which common servers close an idle connection, so that we rarely meet one closing.
    """

    connections: int = 1024
    idle: float = 4.0


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom https targets must prove to be: `ca_pem` are the authorities that may say so, in PEM, empty for the
    system's; `server_name` is the name to prove, empty for the target's host."""

    ca_pem: str = ""
    server_name: str = ""
