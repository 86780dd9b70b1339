"""Who is let in, and what everybody else learns."""

import pytest

from edge.admin.access import ROLES, Role
from tests.edge.admin.conftest import World
from tests.edge.admin.fakes import ACME, ADMIN, FOREIGN, GLOBEX, OPERATOR, VIEWER

GUARDED = [route for route, roles in ROLES.items() if roles is not None]
TENANTED = [route for route in GUARDED if "{id}" in route[1]]


def filled(path: str, tenant: str = ACME) -> str:
    return path.format(id=tenant, key_id="key0", version="1", token_id="zz")


@pytest.mark.parametrize(("method", "path"), GUARDED, ids=map(" ".join, GUARDED))
async def test_without_a_token_every_guarded_route_answers_401(world: World, method: str, path: str) -> None:
    answer = await world.ask(method, filled(path), token=None)
    assert (answer.status_code, answer.json()["code"]) == (401, "TOKEN_MISSING")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert world.fakes.heard.calls == []


@pytest.mark.parametrize("token", ["psa_unknown", "psk_live_x", "", "psa_", "psa_" + "x" * 300, "psa_a b"])
async def test_a_token_that_is_none_is_401(world: World, token: str) -> None:
    answer = await world.ask("GET", "/admin/v1/tenants", token=None, headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "TOKEN_INVALID")


async def test_two_credentials_in_one_request_are_a_conflict(world: World) -> None:
    headers = [("Authorization", f"Bearer {VIEWER}"), ("Authorization", f"Bearer {OPERATOR}")]
    answer = await world.client.get("/admin/v1/tenants", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "CREDENTIALS_CONFLICT")


@pytest.mark.parametrize(("method", "path"), TENANTED, ids=map(" ".join, TENANTED))
async def test_a_foreign_tenant_is_forbidden_and_its_existence_does_not_show(
    world: World, method: str, path: str
) -> None:
    expected = "TENANT_FORBIDDEN" if Role.TENANT_ADMIN in (ROLES[method, path] or ()) else "ROLE_REQUIRED"
    for named in (GLOBEX, "globex", "nobody", "01890000-0000-7000-8000-00000000dead", "%00", "Globex"):
        answer = await world.ask(method, filled(path, named), ADMIN, json={})
        assert (answer.status_code, answer.json()["code"]) == (403, expected)
    assert set(world.fakes.heard.names()) <= {"GetTenantRequest"}


async def test_a_foreign_tenant_is_never_even_looked_up(world: World) -> None:
    await world.ask("GET", "/admin/v1/tenants/globex", ADMIN)
    known = await world.ask("GET", "/admin/v1/tenants/globex", ADMIN)
    unknown = await world.ask("GET", "/admin/v1/tenants/nobody", ADMIN)
    first, second = known.json(), unknown.json()
    for body in (first, second):
        del body["request_id"], body["instance"]
    assert first == second


@pytest.mark.parametrize("named", [ACME, "acme", "ACME", ACME.upper()])
async def test_a_tenant_is_named_by_uuid_or_slug(world: World, named: str) -> None:
    for token in (OPERATOR, ADMIN, VIEWER):
        answer = await world.ask("GET", f"/admin/v1/tenants/{named}", token)
        assert (answer.status_code, answer.json()["id"]) == (200, ACME)


async def test_an_operator_learns_that_a_tenant_does_not_exist(world: World) -> None:
    for named in ("nobody", "01890000-0000-7000-8000-00000000dead", "no_slug", "%00"):
        answer = await world.ask("GET", f"/admin/v1/tenants/{named}/keys")
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


async def test_a_viewer_reads_and_changes_nothing(world: World) -> None:
    assert (await world.ask("GET", "/admin/v1/tenants/acme/config", VIEWER)).status_code == 200
    answer = await world.ask("PUT", "/admin/v1/tenants/acme/config", VIEWER, content=b"routes: []")
    assert (answer.status_code, answer.json()["code"]) == (403, "ROLE_REQUIRED")
    assert "PublishConfigRequest" not in world.fakes.heard.names()


async def test_lists_over_tenants_show_a_tenant_itself_only(world: World) -> None:
    tenants = (await world.ask("GET", "/admin/v1/tenants", ADMIN)).json()
    assert [each["slug"] for each in tenants["items"]] == ["acme"]
    gateways = (await world.ask("GET", "/admin/v1/gateways", VIEWER)).json()
    assert [each["tenant_id"] for each in gateways["items"][0]["tenants"]] == [ACME]
    everything = (await world.ask("GET", "/admin/v1/gateways")).json()
    assert [each["tenant_id"] for each in everything["items"][0]["tenants"]] == [ACME, GLOBEX]


async def test_a_tenants_admin_changes_no_field_that_is_the_operators(world: World) -> None:
    answer = await world.ask("PATCH", "/admin/v1/tenants/acme", ADMIN, json={"name": "New", "hosts": ["evil.example"]})
    assert (answer.status_code, answer.json()["code"]) == (403, "ROLE_REQUIRED")
    assert [each["path"] for each in answer.json()["errors"]] == ["hosts"]
    assert world.fakes.tenants.tenants[ACME].name == "Acme"
    assert (await world.ask("PATCH", "/admin/v1/tenants/acme", ADMIN, json={"name": "New"})).json()["name"] == "New"


async def test_a_key_of_another_tenant_is_out_of_reach(world: World) -> None:
    made = await world.ask("POST", "/admin/v1/tenants/globex/keys", FOREIGN, json={"name": "theirs"})
    key_id = made.json()["key"]["id"]
    for method in ("GET", "DELETE"):
        answer = await world.ask(method, f"/admin/v1/tenants/acme/keys/{key_id}", ADMIN)
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


async def test_a_tenants_admin_makes_tokens_for_its_own_tenant_only(world: World) -> None:
    own = {"name": "ci", "role": "tenant_viewer", "tenant_id": "acme"}
    made = await world.ask("POST", "/admin/v1/tokens", ADMIN, json=own)
    assert (made.status_code, made.json()["token"]["tenant_id"]) == (201, ACME)
    for wanted, code in (
        ({**own, "tenant_id": GLOBEX}, "TENANT_FORBIDDEN"),
        ({"name": "ci", "role": "operator"}, "ROLE_REQUIRED"),
    ):
        answer = await world.ask("POST", "/admin/v1/tokens", ADMIN, json=wanted)
        assert (answer.status_code, answer.json()["code"]) == (403, code)


async def test_a_revoked_token_opens_nothing_any_more(world: World) -> None:
    assert (await world.ask("DELETE", "/admin/v1/tokens/av", ADMIN)).status_code == 403
    assert (await world.ask("DELETE", "/admin/v1/tokens/av", VIEWER)).status_code == 204
    assert (await world.ask("GET", "/admin/v1/tenants", VIEWER)).status_code == 401
