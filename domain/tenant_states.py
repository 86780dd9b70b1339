"""What is known of a tenant besides its config: whether it is served, what it has subscribed to, whose child it is."""

from dataclasses import dataclass
from enum import Enum


class TenantStatus(Enum):
    """Where a tenant is in its life; only ACTIVE serves."""

    PROVISIONING = "provisioning"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    DELETING = "deleting"


@dataclass(frozen=True, slots=True)
class SubscriptionRules:
    """How long an ended subscription still serves (seconds), and the tiers from lowest to highest."""

    grace: float = 0.0
    tiers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a tenant has subscribed to; `valid_until` in seconds since 1970, None for no end."""

    tier: str = ""
    status: str = "active"
    valid_until: float | None = None


@dataclass(frozen=True, slots=True)
class ReadOnly:
    """Whether a tenant's data may be changed; `until` in seconds since 1970, None for no end."""

    on: bool = False
    reason: str = ""
    until: float | None = None
