import pytest
import yaml

from tests.edge.admin.conftest import World
from tests.edge.admin.fakes import ACME, ADMIN

CONFIG = "/admin/v1/tenants/acme/config"


async def test_a_document_is_read_as_json_or_yaml_with_its_version_as_etag(world: World) -> None:
    as_json = await world.ask("GET", CONFIG)
    as_yaml = await world.ask("GET", CONFIG, headers={"Accept": "application/yaml"})
    assert as_json.headers["Content-Type"] == "application/json"
    assert as_yaml.headers["Content-Type"] == "application/yaml"
    assert as_json.json() == yaml.safe_load(as_yaml.text) == {"inherit": "default"}
    assert as_json.headers["ETag"] == as_yaml.headers["ETag"] == '"1"'


@pytest.mark.parametrize(
    ("content_type", "text"), [("application/yaml", "routes: []"), ("application/json", '{"routes": []}')]
)
async def test_a_published_document_becomes_the_next_version(world: World, content_type: str, text: str) -> None:
    headers = {"Content-Type": content_type, "If-Match": '"1"'}
    answer = await world.ask("PUT", f"{CONFIG}?comment=why", ADMIN, content=text, headers=headers)
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')
    assert answer.json() == {
        "version": 2,
        "changed": True,
        "revision": 11,
        "dry_run": False,
        "warnings": [{"path": "routes", "detail": "There are no routes.", "line": None, "column": None}],
    }
    assert (await world.ask("GET", CONFIG)).json() == {"routes": []}
    history = (await world.ask("GET", f"{CONFIG}/versions")).json()["items"]
    assert [(each["version"], each["author"]) for each in history] == [(2, "tenant_admin aa aa"), (1, "penstock")]


async def test_of_two_who_change_the_same_version_one_loses(world: World) -> None:
    headers = {"Content-Type": "application/yaml", "If-Match": '"1"'}
    statuses = [(await world.ask("PUT", CONFIG, content=f"a: {n}", headers=headers)).status_code for n in (1, 2)]
    assert statuses == [200, 409]


async def test_every_fault_of_a_document_is_told_with_its_place(world: World) -> None:
    answer = await world.ask("PUT", CONFIG, content="wrong: [1, 2]", headers={"Content-Type": "text/yaml"})
    body = answer.json()
    assert (answer.status_code, body["code"]) == (422, "INVALID_DOCUMENT")
    assert body["errors"] == [
        {"path": "wrong[0]", "detail": "is wrong", "line": 2, "column": 3},
        {"path": "wrong[1]", "detail": "is wrong", "line": 3, "column": 3},
    ]
    assert body["warnings"][0]["path"] == "routes"
    assert len(world.fakes.configs.versions[ACME]) == 1


async def test_a_dry_run_publishes_nothing(world: World) -> None:
    for text, status in (("routes: []", 200), ("wrong: [1]", 422)):
        answer = await world.ask("PUT", f"{CONFIG}?dry_run=true", content=text, headers={"Content-Type": "text/yaml"})
        assert answer.status_code == status
    assert len(world.fakes.configs.versions[ACME]) == 1


@pytest.mark.parametrize(
    ("headers", "path"),
    [
        ({"Content-Type": "application/x-www-form-urlencoded"}, "Content-Type"),
        ({"Content-Type": "text/yaml", "If-Match": "W/x"}, "If-Match"),
    ],
)
async def test_headers_that_say_nothing_sound_are_refused(world: World, headers: dict[str, str], path: str) -> None:
    answer = await world.ask("PUT", CONFIG, content="routes: []", headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (400, path)


async def test_an_old_version_is_read_and_published_again(world: World) -> None:
    await world.ask("PUT", CONFIG, content="routes: []", headers={"Content-Type": "text/yaml"})
    old = await world.ask("GET", f"{CONFIG}/versions/1")
    assert (old.headers["ETag"], old.json()["document"]) == ('"1"', {"inherit": "default"})
    back = await world.ask("POST", f"{CONFIG}/rollback", json={"version": 1, "comment": "oops"})
    assert (back.status_code, back.json()["version"]["version"], back.headers["ETag"]) == (200, 3, '"3"')
    assert (await world.ask("GET", CONFIG)).json() == {"inherit": "default"}


@pytest.mark.parametrize(("version", "status"), [("9", 404), ("0", 400), ("-1", 400), ("x", 400), ("9" * 5000, 400)])
async def test_a_version_that_is_not_there_is_not_found(world: World, version: str, status: int) -> None:
    assert (await world.ask("GET", f"{CONFIG}/versions/{version}")).status_code == status
