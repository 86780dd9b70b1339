import pytest
from penstock.auth.v1 import invalidation_pb2

from tests.edge.admin.conftest import World
from tests.edge.admin.fakes import ADMIN

KEYS = "/admin/v1/tenants/acme/keys"


async def made(world: World, **given: object) -> str:
    answer = await world.ask("POST", KEYS, ADMIN, json={"name": "till", **given})
    identifier: str = answer.json()["key"]["id"]
    return identifier


async def test_a_new_key_shows_its_secret_once(world: World) -> None:
    given = {
        "name": "till",
        "consumer": "shop",
        "scopes": ["sales.read"],
        "labels": {"team": "till"},
        "expires_at": "2030-01-01T00:00:00Z",
    }
    answer = await world.ask("POST", KEYS, ADMIN, json=given)
    body = answer.json()
    assert (answer.status_code, body["api_key"]) == (201, "psk_live_once")
    assert body["key"]["state"] == "active"
    assert {name: body["key"][name] for name in given} == given
    read = await world.ask("GET", f"{KEYS}/{body['key']['id']}", ADMIN)
    assert "psk_live_once" not in read.text
    assert read.json() == body["key"]


async def test_the_consumer_is_the_keys_name_unless_told(world: World) -> None:
    await made(world)
    assert (await world.ask("GET", KEYS)).json()["items"][0]["consumer"] == "till"


async def test_a_list_of_keys_pages_newest_first(world: World) -> None:
    names = [await made(world) for _ in range(3)]
    first = (await world.ask("GET", f"{KEYS}?limit=2")).json()
    rest = (await world.ask("GET", f"{KEYS}?limit=2&cursor={first['next_cursor']}")).json()
    assert [each["id"] for each in first["items"] + rest["items"]] == names[::-1]
    assert rest["next_cursor"] is None


async def test_a_revocation_in_force_is_200_with_its_time(world: World) -> None:
    answer = await world.ask("DELETE", f"{KEYS}/{await made(world)}", ADMIN)
    body = answer.json()
    assert (answer.status_code, body["in_force"], body["pending"]) == (200, True, [])
    assert (body["effective_at"], body["key"]["state"]) == ("2027-01-15T08:00:00Z", "revoked")


async def test_a_revocation_that_some_edges_have_not_seen_is_202_and_names_them(world: World) -> None:
    world.fakes.keys.pending = [invalidation_pb2.Instance(gateway_id="gw-9", slot=1, boot_id="b")]
    answer = await world.ask("DELETE", f"{KEYS}/{await made(world)}", ADMIN)
    assert (answer.status_code, answer.json()["in_force"]) == (202, False)
    assert answer.json()["pending"] == [{"gateway_id": "gw-9", "slot": 1, "boot_id": "b"}]


async def test_keys_of_another_gateway_are_imported_by_their_hashes(world: World) -> None:
    given = [{"sha256": "ab" * 32, "name": "till"}, {"sha256": "CD" * 32, "name": "shelf"}]
    answer = await world.ask("POST", f"{KEYS}/import", ADMIN, json={"keys": given})
    assert (answer.status_code, answer.json()["created"]) == (200, 1)
    assert [each["name"] for each in answer.json()["items"]] == ["till", "shelf"]


@pytest.mark.parametrize(
    ("keys", "path"),
    [
        ([], "keys"),
        ([{"sha256": "ab" * 31, "name": "till"}], "keys[0].sha256"),
        ([{"sha256": "ab" * 32}], "keys[0].name"),
        ([{"sha256": "ab" * 32, "name": "till"}] * 101, "keys"),
    ],
)
async def test_an_import_that_breaks_a_rule_is_refused(world: World, keys: list[object], path: str) -> None:
    answer = await world.ask("POST", f"{KEYS}/import", ADMIN, json={"keys": keys})
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (400, path)


async def test_a_list_of_keys_may_be_of_those_with_labels(world: World) -> None:
    wanted = await made(world, labels={"team": "till", "env": "prod"})
    await made(world, labels={"team": "till"})
    found = (await world.ask("GET", f"{KEYS}?label=env=prod&label=team=till")).json()
    assert [each["id"] for each in found["items"]] == [wanted]


async def test_a_key_is_disabled_and_enabled_again(world: World) -> None:
    key = f"{KEYS}/{await made(world)}"
    disabled = await world.ask("POST", f"{key}/disable", ADMIN)
    assert (disabled.status_code, disabled.json()["in_force"]) == (200, True)
    assert disabled.json()["key"]["state"] == "disabled"
    world.fakes.keys.pending = [invalidation_pb2.Instance(gateway_id="gw-9", slot=1, boot_id="b")]
    assert (await world.ask("POST", f"{key}/disable", ADMIN)).status_code == 202
    enabled = await world.ask("POST", f"{key}/enable", ADMIN)
    assert (enabled.status_code, enabled.json()["state"]) == (200, "active")


@pytest.mark.parametrize("body", [None, {"grace_seconds": 3600}])
async def test_a_rotated_key_has_a_successor_of_the_same_consumer(world: World, body: object) -> None:
    old = await made(world, consumer="shop")
    answer = await world.ask("POST", f"{KEYS}/{old}/rotate", ADMIN, json=body)
    assert (answer.status_code, answer.json()["api_key"]) == (201, "psk_live_next")
    assert answer.json()["key"]["consumer"] == "shop"


async def test_a_key_that_is_not_there_is_not_found(world: World) -> None:
    for method, path in (
        ("GET", "nokey"),
        ("DELETE", "nokey"),
        ("POST", "nokey/rotate"),
        ("POST", "nokey/disable"),
        ("POST", "nokey/enable"),
    ):
        assert (await world.ask(method, f"{KEYS}/{path}")).json()["code"] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"name": ""}, "name"),
        ({"name": "a", "scopes": ["no space"]}, "scopes[0]"),
        ({"name": "a", "scopes": ["s"] * 65}, "scopes"),
        ({"name": "a", "expires_at": "9999-12-31T23:59:59-14:00"}, "expires_at"),
        ({"name": "a", "test": 1}, "test"),
        ({"name": "a", "labels": {"team": ""}}, "labels.team"),
    ],
)
async def test_a_key_that_breaks_a_rule_is_refused(world: World, given: dict[str, object], path: str) -> None:
    answer = await world.ask("POST", KEYS, json=given)
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (400, path)
