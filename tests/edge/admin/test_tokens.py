import pytest

from tests.edge.admin.conftest import World


async def test_a_new_token_works_until_it_is_revoked(world: World) -> None:
    given = {"name": "ci", "role": "operator", "expires_at": "2030-01-01T00:00:00Z"}
    made = await world.ask("POST", "/admin/v1/tokens", json=given)
    secret, identifier = made.json()["secret"], made.json()["token"]["id"]
    assert (made.status_code, made.json()["token"]["role"]) == (201, "operator")
    assert (await world.ask("GET", "/admin/v1/tenants", secret)).status_code == 200
    assert (await world.ask("DELETE", f"/admin/v1/tokens/{identifier}")).status_code == 204
    assert (await world.ask("GET", "/admin/v1/tenants", secret)).status_code == 401


@pytest.mark.parametrize(
    "given",
    [
        {"name": "x", "role": "root"},
        {"name": "x", "role": "tenant_admin"},
        {"name": "x", "role": "operator", "tenant_id": "acme"},
        {"role": "operator"},
    ],
)
async def test_a_token_is_confined_exactly_when_its_role_is_a_tenants(world: World, given: dict[str, str]) -> None:
    assert (await world.ask("POST", "/admin/v1/tokens", json=given)).json()["code"] == "BAD_REQUEST"


async def test_a_token_for_a_tenant_that_is_not_there_is_refused(world: World) -> None:
    given = {"name": "x", "role": "tenant_viewer", "tenant_id": "nobody"}
    assert (await world.ask("POST", "/admin/v1/tokens", json=given)).status_code == 404
