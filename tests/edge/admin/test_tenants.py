import pytest

from tests.edge.admin.conftest import World
from tests.edge.admin.fakes import ACME, OPERATOR


async def test_a_registered_tenant_comes_back_with_its_key_and_config_version(world: World) -> None:
    given = {"slug": "initech", "hosts": ["api.initech.example"], "subscription": {"tier": "starter"}}
    answer = await world.ask("POST", "/admin/v1/tenants", json=given)
    body = answer.json()
    assert answer.status_code == 201
    assert (body["api_key"], body["config_version"]) == ("psk_live_first", 1)
    assert body["tenant"]["slug"] == body["tenant"]["name"] == "initech"
    assert body["tenant"]["hosts"] == ["api.initech.example"]
    assert body["tenant"]["status"] == "active"


async def test_a_slug_is_taken_once(world: World) -> None:
    answer = await world.ask("POST", "/admin/v1/tenants", json={"slug": "acme"})
    assert (answer.status_code, answer.json()["code"]) == (409, "ALREADY_EXISTS")


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({}, "slug"),
        ({"slug": "Acme"}, "slug"),
        ({"slug": "a", "hosts": "a.example"}, "hosts"),
        ({"slug": "a", "hosts": ["ok.example", "BAD.example"]}, "hosts[1]"),
        ({"slug": "a", "subscription": {"valid_until": "tomorrow"}}, "subscription.valid_until"),
        ({"slug": "a", "subscription": {"valid_until": 1}}, "subscription.valid_until"),
        ({"slug": "a", "nmae": "typo"}, "nmae"),
        ({"slug": "a", "name": "nul\x00"}, "name"),
    ],
)
async def test_what_is_wrong_with_a_body_is_named_by_its_path(
    world: World, given: dict[str, object], path: str
) -> None:
    answer = await world.ask("POST", "/admin/v1/tenants", json=given)
    assert (answer.status_code, answer.json()["code"]) == (400, "BAD_REQUEST")
    assert [each["path"] for each in answer.json()["errors"]] == [path]


async def test_a_patch_changes_what_it_names_and_nothing_else(world: World) -> None:
    patch = {
        "status": "suspended",
        "read_only": {"on": True, "reason": "stock-taking", "until": "2027-01-01T00:00:00+02:00"},
        "subscription": {"tier": "professional", "valid_until": "2027-06-30T12:00:00.5Z"},
    }
    answer = await world.ask("PATCH", f"/admin/v1/tenants/{ACME}", json=patch)
    body = answer.json()
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')
    assert (body["name"], body["status"]) == ("Acme", "suspended")
    assert body["read_only"] == {"on": True, "reason": "stock-taking", "until": "2026-12-31T22:00:00Z"}
    assert body["subscription"]["valid_until"] == "2027-06-30T12:00:00.500000Z"
    assert body["created_at"] == "2023-11-14T22:13:20Z"


async def test_a_patch_loses_the_race_against_a_newer_state(world: World) -> None:
    tag = (await world.ask("GET", "/admin/v1/tenants/acme")).headers["ETag"]
    for expected in (200, 409):
        answer = await world.ask("PATCH", "/admin/v1/tenants/acme", json={"name": "N"}, headers={"If-Match": tag})
        assert answer.status_code == expected
    assert answer.json()["code"] == "VERSION_CONFLICT"


@pytest.mark.parametrize(
    ("patch", "detail"),
    [
        ({}, "names nothing to change"),
        ({"name": None}, "null is no value for name"),
        ({"status": "deleting"}, "Input should be 'active' or 'suspended'"),
        ({"targets_allow": "yes"}, "Input should be a valid boolean"),
        ([], "The body must be a JSON object, sent as application/json."),
    ],
)
async def test_a_patch_that_says_nothing_sound_is_refused(world: World, patch: object, detail: str) -> None:
    answer = await world.ask("PATCH", "/admin/v1/tenants/acme", json=patch)
    assert answer.status_code == 400
    assert [each["detail"] for each in answer.json()["errors"]] == [detail]


async def test_a_parent_is_taken_away_by_null(world: World) -> None:
    world.fakes.tenants.tenants[ACME].parent_id = "x"
    assert (await world.ask("PATCH", "/admin/v1/tenants/acme", json={"parent_id": None})).json()["parent_id"] is None


async def test_deletion_is_honest_about_not_being_there_yet(world: World) -> None:
    answer = await world.ask("DELETE", "/admin/v1/tenants/acme", OPERATOR)
    assert (answer.status_code, answer.json()["code"]) == (501, "UNIMPLEMENTED")


async def test_a_list_has_items_and_a_cursor(world: World) -> None:
    body = (await world.ask("GET", "/admin/v1/tenants?limit=2")).json()
    assert ([each["slug"] for each in body["items"]], body["next_cursor"]) == (["acme", "globex"], "more")
