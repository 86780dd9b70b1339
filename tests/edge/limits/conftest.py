"""Values that the tests of limits share."""

from collections.abc import Mapping
from dataclasses import replace

from domain.tenants import DEFAULT_TENANT, TenantId
from edge.limits.policy import LimitSet, limits_for
from edge.limits.rules import LimitRules, Outage, Rate, RouteLimitRules
from edge.principal import Principal, PrincipalKind
from edge.routing import Route, Router, Service, Timeouts
from edge.snapshot import Rules, Subscription, TenantStatus, TenantView

TENANT = TenantId("01a20000-0000-7000-8000-00000000000a")
_DEFAULTS = LimitRules()
HEX = b"01a2000000007000800000000000000a"


def tenant_view(
    limits: LimitRules = _DEFAULTS, *, tenant: TenantId = TENANT, tier: str = "", version: int = 1
) -> TenantView:
    """An active tenant with these limits."""
    rules = Rules(DEFAULT_TENANT, version, Router(()), limits)
    return TenantView(tenant, "abcdefgh", "acme", TenantStatus.ACTIVE, rules, subscription=Subscription(tier))


def route(limit: RouteLimitRules | None = None, name: str = "sales") -> Route:
    """A route with these limits of its own."""
    timeouts = Timeouts()
    return Route(name, "/sales", Service("sales", (), timeouts), timeouts, limit=limit)


def consumer(name: str = "alice", tier: str = "", kind: PrincipalKind = PrincipalKind.CONSUMER) -> Principal:
    """An authenticated caller."""
    return Principal(kind, name, TENANT, tier=tier)


def found_limits(
    tenant: TenantView, on: Route, principal: Principal | None = None, client_address: str = ""
) -> LimitSet:
    """The limits of a request that is limited."""
    found = limits_for(tenant, on, principal, client_address)
    assert found is not None
    return found


def limit_set(
    requests: int = 3,
    *,
    caller: str = "alice",
    outage: Outage = Outage.LOCAL,
    aggregate: int | None = None,
    anonymous: bool = False,
    tiers: Mapping[str, Rate] | None = None,
) -> LimitSet:
    """The limits of a request: so many a minute for its caller, and perhaps for its tenant."""
    rate = Rate(requests, 60_000)
    rules = LimitRules(rate, rate, None if aggregate is None else Rate(aggregate, 60_000), on_outage=outage)
    rules = replace(rules, tiers=tiers or {})
    principal = None if anonymous else consumer(caller)
    return found_limits(tenant_view(rules), route(), principal, caller)
