import pytest

from edge.admin.access import (
    ROLES,
    Bearer,
    Role,
    Route,
    has_role,
    may_enter,
    may_mint,
    may_revoke,
    reserved_fields,
)
from edge.admin.app import AdminApp
from edge.admin.routing import ROWS

OPERATOR = Bearer("op", "op", Role.OPERATOR, None)
ADMIN = Bearer("ta", "ta", Role.TENANT_ADMIN, "acme")
VIEWER = Bearer("tv", "tv", Role.TENANT_VIEWER, "acme")
TENANT = "/admin/v1/tenants/{id}"

# Written out a second time on purpose: who may enter each route, as o(perator), a(dmin), v(iewer); "" is public.
EXPECTED = {
    ("GET", "/livez"): "",
    ("GET", "/readyz"): "",
    ("GET", "/metrics"): "o",
    ("GET", "/openapi.json"): "oav",
    ("GET", "/forward-auth"): "",
    ("GET", "/forward-auth/refusal"): "",
    ("POST", "/admin/v1/tenants"): "o",
    ("GET", "/admin/v1/tenants"): "oav",
    ("GET", TENANT): "oav",
    ("PATCH", TENANT): "oa",
    ("DELETE", TENANT): "o",
    ("GET", f"{TENANT}/config"): "oav",
    ("PUT", f"{TENANT}/config"): "oa",
    ("GET", f"{TENANT}/config/versions"): "oav",
    ("GET", f"{TENANT}/config/versions/{{version}}"): "oav",
    ("POST", f"{TENANT}/config/rollback"): "oa",
    ("GET", f"{TENANT}/explain"): "oav",
    ("GET", "/admin/v1/gateways"): "oav",
    ("POST", f"{TENANT}/keys"): "oa",
    ("POST", f"{TENANT}/keys/import"): "oa",
    ("GET", f"{TENANT}/keys"): "oav",
    ("GET", f"{TENANT}/keys/{{key_id}}"): "oav",
    ("DELETE", f"{TENANT}/keys/{{key_id}}"): "oa",
    ("POST", f"{TENANT}/keys/{{key_id}}/rotate"): "oa",
    ("POST", f"{TENANT}/keys/{{key_id}}/disable"): "oa",
    ("POST", f"{TENANT}/keys/{{key_id}}/enable"): "oa",
    ("GET", f"{TENANT}/logs"): "oav",
    ("GET", f"{TENANT}/errors"): "oav",
    ("GET", f"{TENANT}/health"): "oav",
    ("GET", f"{TENANT}/metrics"): "oav",
    ("POST", "/admin/v1/tokens"): "oa",
    ("DELETE", "/admin/v1/tokens/{token_id}"): "oav",
}


def test_every_route_of_the_app_is_in_the_table_and_no_row_is_idle() -> None:
    served = {
        (method, getattr(route, "path", "?"))
        for route in AdminApp("1").routes
        for method in getattr(route, "methods", {"?"})
    }
    assert served == set(ROLES) == set(EXPECTED)
    assert len(ROWS) == len(ROLES)


@pytest.mark.parametrize(("route", "letters"), EXPECTED.items(), ids=map(" ".join, EXPECTED))
def test_each_route_opens_to_its_roles_only(route: Route, letters: str) -> None:
    roles = ROLES[route]
    if not letters:
        assert roles is None
        return
    assert roles is not None
    open_to = {
        letter for letter, bearer in zip("oav", (OPERATOR, ADMIN, VIEWER), strict=True) if has_role(bearer, roles)
    }
    assert open_to == set(letters)


def test_a_viewer_opens_nothing_that_changes_anything_but_its_own_token() -> None:
    opened = {route for route, roles in ROLES.items() if roles and Role.TENANT_VIEWER in roles and route[0] != "GET"}
    assert opened == {("DELETE", "/admin/v1/tokens/{token_id}")}


@pytest.mark.parametrize(
    ("bearer", "tenant", "entered"),
    [(OPERATOR, "acme", True), (OPERATOR, "globex", True), (ADMIN, "acme", True), (ADMIN, "globex", False),
     (VIEWER, "acme", True), (VIEWER, "globex", False), (VIEWER, "", False)],
)  # fmt: skip
def test_tenant_roles_enter_their_own_tenant_only(bearer: Bearer, tenant: str, entered: bool) -> None:
    assert may_enter(bearer, tenant) is entered


def test_a_tenant_changes_its_name_and_nothing_that_it_is_charged_for() -> None:
    everything = ("name", "status", "hosts", "targets_allow", "subscription", "read_only", "parent_id")
    assert reserved_fields(OPERATOR, everything) == ()
    assert reserved_fields(ADMIN, ("name",)) == ()
    assert set(reserved_fields(ADMIN, everything)) == set(everything) - {"name"}


@pytest.mark.parametrize(
    ("bearer", "role", "tenant", "minted"),
    [
        (OPERATOR, Role.OPERATOR, None, True),
        (OPERATOR, Role.TENANT_ADMIN, "globex", True),
        (ADMIN, Role.TENANT_ADMIN, "acme", True),
        (ADMIN, Role.TENANT_VIEWER, "acme", True),
        (ADMIN, Role.OPERATOR, None, False),
        (ADMIN, Role.OPERATOR, "acme", False),
        (ADMIN, Role.TENANT_VIEWER, "globex", False),
        (VIEWER, Role.TENANT_VIEWER, "acme", False),
    ],
)
def test_nobody_hands_on_more_than_they_have(bearer: Bearer, role: Role, tenant: str | None, minted: bool) -> None:
    assert may_mint(bearer, role, tenant) is minted


def test_everybody_ends_their_own_token_and_operators_any() -> None:
    assert may_revoke(VIEWER, "tv")
    assert not may_revoke(ADMIN, "tv")
    assert may_revoke(OPERATOR, "tv")
