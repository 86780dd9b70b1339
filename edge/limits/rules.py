"""The limits that a config document sets, compiled: rates, algorithms and what happens in an outage. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from domain.limits import Algorithm as Algorithm


class Outage(Enum):
    """What happens while limits cannot be decided: pass, count in the worker, refuse."""

    OPEN = "open"
    LOCAL = "local"
    STRICT = "strict"


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests per window (milliseconds)."""

    requests: int
    window_millis: int


class Unlimited(Enum):
    """Stands in place of a rate where there is no limit."""

    UNLIMITED = "unlimited"


Quota: TypeAlias = Rate | Unlimited


@dataclass(frozen=True, slots=True)
class LimitRules:
    """A tenant's general limits; `tenant` bounds it as a whole and is None when it does not, `failed_authentication`
    what an address may have looked up in vain; `legacy_headers`: whether answers say X-RateLimit-* besides."""

    authenticated: Quota = Rate(500, 60_000)
    anonymous: Quota = Rate(100, 60_000)
    tenant: Rate | None = None
    failed_authentication: Quota = Rate(100, 60_000)
    algorithm: Algorithm = Algorithm.SLIDING_WINDOW
    tiers: Mapping[str, Quota] = field(default_factory=dict)
    on_outage: Outage = Outage.LOCAL
    legacy_headers: bool = False


@dataclass(frozen=True, slots=True)
class RouteLimitRules:
    """A route's own limits; None means that the general rule holds."""

    authenticated: Quota | None = None
    anonymous: Quota | None = None
    algorithm: Algorithm | None = None
    on_outage: Outage | None = None
