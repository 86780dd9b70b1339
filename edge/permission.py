"""Whether a principal may use a route, and whether its tenant may be served now. Pure tables of refusals."""

from math import inf

from penstock.errors.v1 import error_reason_pb2 as reasons

from edge.principal import Principal
from edge.problems import Refusal
from edge.routing import Auth, Route
from edge.snapshot import SubscriptionRules, TenantStatus, TenantView

CHANGING = frozenset(("POST", "PUT", "PATCH", "DELETE"))
ENDED = frozenset(("canceled", "expired", "unpaid"))


def route_refusal(route: Route, principal: Principal | None) -> Refusal | None:
    """Why the route does not take this principal, or None."""
    if route.auth is Auth.NONE:
        return None
    if principal is None:
        if route.auth is Auth.REQUIRED or route.scopes:
            return Refusal(reasons.ERROR_REASON_TOKEN_MISSING, "this route needs a credential")
        return None
    missing = route.scopes - principal.scopes
    if missing:
        return Refusal(reasons.ERROR_REASON_SCOPE_REQUIRED, f"missing scopes: {', '.join(sorted(missing))}")
    return None


def tenant_refusal(
    tenant: TenantView, route: Route, rules: SubscriptionRules, method: str, now: float
) -> Refusal | None:
    """Why the tenant is not served, or None. `now` in seconds since 1970."""
    if tenant.status is not TenantStatus.ACTIVE:
        return Refusal(reasons.ERROR_REASON_TENANT_SUSPENDED, "the tenant is not active")
    subscription = tenant.subscription
    if subscription.status in ENDED or (
        subscription.valid_until is not None and subscription.valid_until + rules.grace <= now
    ):
        return Refusal(reasons.ERROR_REASON_SUBSCRIPTION_EXPIRED, "the tenant's subscription has ended")
    if route.tier and not _tier_reaches(subscription.tier, route.tier, rules.tiers):
        return Refusal(reasons.ERROR_REASON_TIER_REQUIRED, f"this route needs the tier {route.tier}")
    frozen = tenant.read_only
    if frozen.on and method in CHANGING and (frozen.until is None or now < frozen.until):
        return Refusal(reasons.ERROR_REASON_TENANT_READ_ONLY, frozen.reason or "the tenant is in read-only mode")
    return None


def served_until(tenant: TenantView, rules: SubscriptionRules) -> float:
    """Until when a tenant that is served now remains so as long as nothing of it changes, in seconds since 1970."""
    valid_until = tenant.subscription.valid_until
    return inf if valid_until is None else valid_until + rules.grace


def _tier_reaches(tier: str, needed: str, tiers: tuple[str, ...]) -> bool:
    """Whether `tier` is `needed` or a higher one; tiers that are not listed only match themselves."""
    if tier == needed:
        return True
    return tier in tiers and needed in tiers and tiers.index(tier) > tiers.index(needed)
