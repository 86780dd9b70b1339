"""Whether a principal may use a route, and whether its tenant may be served now, as refusals. Pure."""

from math import inf

from penstock.errors.v1 import error_reason_pb2 as reasons

from domain.access import scopes_denied, tenant_denied
from edge.principal import Principal
from edge.problems import Refusal, refusal_of
from edge.routing import Auth, Route
from edge.snapshot import SubscriptionRules, TenantView


def route_refusal(route: Route, principal: Principal | None) -> Refusal | None:
    """Why the route does not take this principal, or None."""
    if route.auth is Auth.NONE:
        return None
    if principal is None:
        if route.auth is Auth.REQUIRED or route.scopes:
            return Refusal(reasons.ERROR_REASON_TOKEN_MISSING, "this route needs a credential")
        return None
    denied = scopes_denied(route.scopes, principal.scopes)
    return None if denied is None else refusal_of(denied)


def tenant_refusal(
    tenant: TenantView, route: Route, rules: SubscriptionRules, method: str, now: float
) -> Refusal | None:
    """Why the tenant is not served, or None. `now` in seconds since 1970."""
    denied = tenant_denied(tenant, route.tier, rules, method, now)
    return None if denied is None else refusal_of(denied)


def served_until(tenant: TenantView, rules: SubscriptionRules) -> float:
    """Until when a tenant that is served now remains so as long as nothing of it changes, in seconds since 1970."""
    valid_until = tenant.subscription.valid_until
    return inf if valid_until is None else valid_until + rules.grace
