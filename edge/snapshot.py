"""The config that a worker serves by: immutable values, compiled from the stream and swapped as one pointer.

A request takes the snapshot once and is served wholly by it. Nothing here does I/O or knows the stream.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.tenant_states import ReadOnly, Subscription, SubscriptionRules, TenantStatus
from domain.tenants import DEFAULT_TENANT, TenantId
from edge.limits.rules import LimitRules
from edge.routing import CorsRules, Router, Service

__all__ = [
    "GatewaySnapshot",
    "ReadOnly",
    "Rules",
    "Subscription",
    "SubscriptionRules",
    "TenantStatus",
    "TenantView",
]


@dataclass(frozen=True, slots=True)
class Rules:
    """One config document, compiled. `version` is the version of the document, `tenant` its owner, `services` all of
    the document's, in its order, `unset` the variables that it refers to and this gateway was not told: their targets
    are left out; `cors` holds for requests that no route takes: each route has its own or a share of these;
    `imported_keys` tells whether keys of another gateway's form are looked up."""

    tenant: TenantId
    version: int
    router: Router
    limits: LimitRules = LimitRules()
    cors: CorsRules | None = None
    subscription: SubscriptionRules = SubscriptionRules()
    registration_open: bool = False
    services: tuple[Service, ...] = ()
    unset: tuple[str, ...] = ()
    imported_keys: bool = False


@dataclass(frozen=True, slots=True)
class TenantView:
    """One tenant as the edge serves it. `rules` are its own, or `default`'s while it inherits them."""

    id: TenantId
    short_id: str
    slug: str
    status: TenantStatus
    rules: Rules
    demo: bool = False
    parent_id: TenantId | None = None
    hosts: tuple[str, ...] = ()
    subscription: Subscription = Subscription()
    read_only: ReadOnly = ReadOnly()
    targets_allow: bool = False
    state_version: int = 0


@dataclass(frozen=True, slots=True)
class GatewaySnapshot:
    """All tenants of a worker at one revision; the empty one belongs to a worker that has no config yet."""

    revision: int = 0
    tenants: Mapping[TenantId, TenantView] = field(default_factory=dict)
    by_host: Mapping[str, TenantView] = field(default_factory=dict)
    by_short_id: Mapping[str, TenantView] = field(default_factory=dict)

    @property
    def default(self) -> TenantView | None:
        """The tenant `default`, or None before the first config."""
        return self.tenants.get(DEFAULT_TENANT)
