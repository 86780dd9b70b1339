"""Which tenant a request is for and acts in, and whether it is served; tests of the edge have the tables whole."""

from dataclasses import dataclass, replace

import pytest

from domain.access import (
    FORBIDDEN,
    KEY_INVALID,
    NOT_READY,
    Actor,
    Denied,
    Governing,
    acting_tenant,
    governing_tenant,
    scopes_denied,
    tenant_denied,
)
from domain.tenant_states import ReadOnly, Subscription, SubscriptionRules, TenantStatus
from domain.tenants import TenantId


@dataclass(frozen=True)
class State:
    """A tenant as decisions need it."""

    id: TenantId
    status: TenantStatus = TenantStatus.ACTIVE
    demo: bool = False
    parent_id: TenantId | None = None
    subscription: Subscription = Subscription()
    read_only: ReadOnly = ReadOnly()


ACME, BOLT, DEFAULT = State(TenantId("acme")), State(TenantId("bolt")), State(TenantId("default"))
TENANTS = {each.id: each for each in (ACME, BOLT, DEFAULT)}
BY_SHORT_ID = {"acmeacme": ACME}


@pytest.mark.parametrize(
    ("bound", "named", "default", "found"),
    [
        pytest.param(BOLT, "acmeacme", DEFAULT, Governing(BOLT, by_host=True), id="the host before the key"),
        pytest.param(None, "acmeacme", DEFAULT, Governing(ACME, by_host=False), id="the key"),
        pytest.param(None, "unknown0", DEFAULT, KEY_INVALID, id="an unknown tenant is not default"),
        pytest.param(None, None, DEFAULT, Governing(DEFAULT, by_host=False), id="default"),
        pytest.param(None, None, None, NOT_READY, id="nothing is known"),
    ],
)
def test_governing_tenant(
    bound: State | None, named: str | None, default: State | None, found: Governing[State] | Denied
) -> None:
    assert governing_tenant(bound, named, BY_SHORT_ID, default) == found


BY_HOST, BY_DEFAULT = Governing(ACME, by_host=True), Governing(DEFAULT, by_host=False)
GONE = TenantId("gone")


@pytest.mark.parametrize(
    ("governing", "actor", "requested", "found"),
    [
        pytest.param(BY_HOST, None, BOLT.id, ACME, id="nobody asks for a tenant"),
        pytest.param(BY_DEFAULT, Actor(ACME.id, by_key=True), None, ACME, id="the key's"),
        pytest.param(BY_DEFAULT, Actor(ACME.id, by_key=True), BOLT.id, FORBIDDEN, id="a key asks for another"),
        pytest.param(BY_DEFAULT, Actor(ACME.id, True, {BOLT.id}), BOLT.id, FORBIDDEN, id="a key enters no other"),
        pytest.param(BY_HOST, Actor(BOLT.id, by_key=True), None, KEY_INVALID, id="a foreign key at a host"),
        pytest.param(BY_HOST, Actor(BOLT.id, by_key=False), None, FORBIDDEN, id="a foreign user at a host"),
        pytest.param(BY_DEFAULT, Actor(ACME.id, False, {BOLT.id}), BOLT.id, BOLT, id="a user enters another"),
        pytest.param(BY_DEFAULT, Actor(ACME.id, by_key=False), BOLT.id, FORBIDDEN, id="a user may not"),
        pytest.param(BY_HOST, Actor(ACME.id, False, {BOLT.id}), BOLT.id, FORBIDDEN, id="not at another's host"),
        pytest.param(BY_DEFAULT, Actor(GONE, by_key=True), None, KEY_INVALID, id="a key of no tenant"),
        pytest.param(BY_DEFAULT, Actor(GONE, by_key=False), None, FORBIDDEN, id="a user of no tenant"),
    ],
)
def test_acting_tenant(
    governing: Governing[State], actor: Actor | None, requested: TenantId | None, found: State | Denied
) -> None:
    assert acting_tenant(TENANTS, governing, actor, requested) == found


@pytest.mark.parametrize(
    ("tenant", "tier", "method", "reason"),
    [
        (ACME, "", "POST", None),
        (replace(ACME, status=TenantStatus.SUSPENDED), "", "GET", "TENANT_SUSPENDED"),
        (replace(ACME, subscription=Subscription(valid_until=901.0)), "", "GET", None),
        (replace(ACME, subscription=Subscription(valid_until=900.0)), "", "GET", "SUBSCRIPTION_EXPIRED"),
        (replace(ACME, subscription=Subscription(status="canceled")), "", "GET", "SUBSCRIPTION_EXPIRED"),
        (replace(ACME, subscription=Subscription("high")), "low", "GET", None),
        (replace(ACME, subscription=Subscription("low")), "high", "GET", "TIER_REQUIRED"),
        (replace(ACME, read_only=ReadOnly(on=True)), "", "GET", None),
        (replace(ACME, read_only=ReadOnly(on=True)), "", "PATCH", "TENANT_READ_ONLY"),
        (replace(ACME, read_only=ReadOnly(on=True, until=1_000.0)), "", "PATCH", None),
    ],
)
def test_tenant(tenant: State, tier: str, method: str, reason: str | None) -> None:
    denied = tenant_denied(tenant, tier, SubscriptionRules(100.0, ("low", "high")), method, now=1_000.0)
    assert (denied.reason if denied else None) == reason


def test_scopes() -> None:
    assert scopes_denied(frozenset(), frozenset({"read"})) is None
    denied = scopes_denied(frozenset({"write", "admin", "read"}), frozenset({"read"}))
    assert denied == Denied("SCOPE_REQUIRED", "missing scopes: admin, write")
