"""Who may use a route, and which tenants are served, as tables."""

from dataclasses import replace

import pytest

from domain.tenants import TenantId
from edge.permission import route_refusal, tenant_refusal
from edge.principal import Principal, PrincipalKind
from edge.routing import Auth, Route, Router, Service, Target, Timeouts
from edge.snapshot import ReadOnly, Rules, Subscription, SubscriptionRules, TenantStatus, TenantView

TENANT = TenantId("0192c7a0-0000-7000-8000-00000000000a")
ROUTE = Route("r", "/api", Service("s", (Target("127.0.0.1", 1),)), Timeouts())
VIEW = TenantView(TENANT, "acmeacme", "acme", TenantStatus.ACTIVE, Rules(TENANT, 1, Router(())))
SOMEONE = Principal(PrincipalKind.CONSUMER, "c", TENANT, scopes=frozenset({"read"}))
NOW = 1_000.0


@pytest.mark.parametrize(
    ("route", "principal", "code"),
    [
        (ROUTE, SOMEONE, None),
        (ROUTE, None, "TOKEN_MISSING"),
        (replace(ROUTE, auth=Auth.OPTIONAL), None, None),
        (replace(ROUTE, auth=Auth.NONE), None, None),
        (replace(ROUTE, auth=Auth.OPTIONAL, scopes=frozenset({"read"})), None, "TOKEN_MISSING"),
        (replace(ROUTE, scopes=frozenset({"read"})), SOMEONE, None),
        (replace(ROUTE, scopes=frozenset({"read", "write"})), SOMEONE, "SCOPE_REQUIRED"),
    ],
)
def test_route(route: Route, principal: Principal | None, code: str | None) -> None:
    refusal = route_refusal(route, principal)
    assert (refusal.code if refusal else None) == code


TIERS = SubscriptionRules(grace=100.0, tiers=("starter", "professional", "enterprise"))


@pytest.mark.parametrize(
    ("tenant", "route", "method", "code"),
    [
        (VIEW, ROUTE, "POST", None),
        (replace(VIEW, status=TenantStatus.SUSPENDED), ROUTE, "GET", "TENANT_SUSPENDED"),
        (replace(VIEW, status=TenantStatus.PROVISIONING), ROUTE, "GET", "TENANT_SUSPENDED"),
        (replace(VIEW, status=TenantStatus.DELETING), ROUTE, "GET", "TENANT_SUSPENDED"),
        (replace(VIEW, subscription=Subscription(valid_until=NOW + 1)), ROUTE, "GET", None),
        (replace(VIEW, subscription=Subscription(valid_until=NOW - 99)), ROUTE, "GET", None),
        (replace(VIEW, subscription=Subscription(valid_until=NOW - 100)), ROUTE, "GET", "SUBSCRIPTION_EXPIRED"),
        (replace(VIEW, subscription=Subscription(status="canceled")), ROUTE, "GET", "SUBSCRIPTION_EXPIRED"),
        (replace(VIEW, subscription=Subscription("enterprise")), replace(ROUTE, tier="professional"), "GET", None),
        (
            replace(VIEW, subscription=Subscription("starter")),
            replace(ROUTE, tier="professional"),
            "GET",
            "TIER_REQUIRED",
        ),
        (VIEW, replace(ROUTE, tier="professional"), "GET", "TIER_REQUIRED"),
        (replace(VIEW, subscription=Subscription("custom")), replace(ROUTE, tier="custom"), "GET", None),
        (replace(VIEW, read_only=ReadOnly(on=True)), ROUTE, "GET", None),
        (replace(VIEW, read_only=ReadOnly(on=True)), ROUTE, "DELETE", "TENANT_READ_ONLY"),
        (replace(VIEW, read_only=ReadOnly(on=True, until=NOW)), ROUTE, "DELETE", None),
        (replace(VIEW, read_only=ReadOnly(on=True, until=NOW + 1)), ROUTE, "PATCH", "TENANT_READ_ONLY"),
    ],
)
def test_tenant(tenant: TenantView, route: Route, method: str, code: str | None) -> None:
    refusal = tenant_refusal(tenant, route, TIERS, method, NOW)
    assert (refusal.code if refusal else None) == code
