"""A real nginx has its requests judged, with the config files of examples/nginx."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from domain.identity_fields import IDENTITY
from edge.admin.server import listening, serve
from tests.authsvc.authorization.places import ACME, key
from tests.edge.admin.conftest import World, open_world
from tests.edge.spoofs import spoofs
from tests.support.nginxes import running_nginx
from tests.support.recorders import Recorder, recorder
from tests.support.services import ServiceHost

CONFIG = Path(__file__).parents[3] / "examples" / "nginx"
KEY = {"X-API-Key": key().decode()}
PLACES = {
    "/": "",
    "/acme": "tenant=acme",
    "/read": "tenant=acme&scopes=read",
    "/open": "auth=optional",
    "/frozen": "tenant=frozen&auth=none",
}


@dataclass(frozen=True, slots=True)
class Guarded:
    """An nginx with what judges and what stands behind it."""

    nginx: httpx.AsyncClient
    world: World
    behind: Recorder


@pytest.fixture
async def guarded(service_host: ServiceHost, short_dir: Path) -> AsyncIterator[Guarded]:
    async with AsyncExitStack() as stack:
        world = await open_world(stack, service_host, forward_auth="127.0.0.0/8")
        listeners = stack.enter_context(listening(["127.0.0.1:0"]))
        behind = await stack.enter_async_context(recorder(short_dir))
        port = listeners[0].getsockname()[1]
        http = f"upstream penstock {{ server 127.0.0.1:{port}; }} upstream app {{ server unix:{behind.socket}; }}"
        locations = "".join(
            f'location {path} {{ set $penstock_place "{place}"; include {CONFIG}/penstock-judged.conf;'
            " proxy_pass http://app; }\n"
            for path, place in PLACES.items()
        )
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(serve(world.app, listeners, 1.0))
            server = f"include {CONFIG}/penstock-server.conf;\n{locations}"
            async with running_nginx(short_dir, http, server) as client:
                yield Guarded(client, world, behind)
            serving.cancel()


async def test_what_goes_on_says_who_is_calling_and_carries_no_credential(guarded: Guarded) -> None:
    answer = await guarded.nginx.post("/acme/things", headers={**KEY, "X-Request-ID": "r-1"}, content=b"body")
    assert (answer.status_code, answer.text) == (200, "here\n")
    seen = {name.lower(): value for name, value in guarded.behind.fields().items()}
    assert (seen["x-tenant-id"], seen["x-user-id"], seen["x-user-type"]) == (ACME, "c-1", "consumer")
    assert (seen["x-request-id"], seen["x-forwarded-by"], seen["content-length"]) == ("r-1", "penstock", "4")
    assert guarded.behind.heads[-1].startswith(b"POST /acme/things HTTP/")
    assert key() not in guarded.behind.heads[-1]


@pytest.mark.parametrize("path", ["/", "/open"], ids=["a caller", "nobody"])
async def test_no_spelling_of_an_identity_arrives(guarded: Guarded, path: str) -> None:
    # The one is refused where it is no tenant's, the other kept where it is well formed.
    names = [name.decode() for name in spoofs() if name.lower() not in (b"x-tenant-id", b"x-request-id")]
    credential = KEY if path == "/" else {}
    for start in range(0, len(names), 60):
        fields = {name: "spoofed" for name in names[start : start + 60]}
        assert (await guarded.nginx.get(path, headers={**fields, **credential})).status_code in (200, 400)
    assert guarded.behind.heads
    assert b"spoofed" not in b"".join(guarded.behind.heads)


async def test_no_client_has_nginx_drop_who_is_calling(guarded: Guarded) -> None:
    fields = {**KEY, "Connection": "close, x-user-id, x-tenant-id"}
    assert (await guarded.nginx.get("/acme", headers=fields)).status_code == 200
    seen = {name.lower(): value for name, value in guarded.behind.fields().items()}
    assert (seen["x-tenant-id"], seen["x-user-id"]) == (ACME, "c-1")


async def test_every_name_of_ours_is_in_the_config() -> None:
    config = (CONFIG / "penstock-judged.conf").read_text().lower()
    for name in IDENTITY:
        assert f"proxy_set_header {name.decode()} " in config
        assert f"$upstream_http_{name.decode().replace('-', '_')};" in config


@pytest.mark.parametrize(
    ("method", "path", "fields", "status", "code"),
    [
        pytest.param("GET", "/acme", {}, 401, "TOKEN_MISSING", id="nobody"),
        pytest.param("POST", "/acme", {"X-API-Key": "psk_typo"}, 401, "KEY_INVALID", id="a malformed key"),
        pytest.param("GET", "/read", KEY, 403, "SCOPE_REQUIRED", id="a scope is missing"),
        pytest.param(
            "GET", "/acme", {**KEY, "X-Tenant-ID": "x"}, 400, "BAD_REQUEST", id="what nginx takes for a fault"
        ),
    ],
)
async def test_clients_see_why_they_are_refused(
    guarded: Guarded, method: str, path: str, fields: dict[str, str], status: int, code: str
) -> None:
    answer = await guarded.nginx.request(method, f"{path}/things?q=1", headers=fields)
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["instance"]) == (status, code, f"{path}/things")
    assert answer.headers.get_list("content-type") == ["application/problem+json"]
    assert len(answer.headers.get_list("www-authenticate")) == (status == 401)
    assert guarded.behind.heads == []


async def test_what_cannot_be_judged_is_told_to_come_back(guarded: Guarded) -> None:
    guarded.world.fakes.proving.failure = ConnectionRefusedError()
    answer = await guarded.nginx.get("/acme", headers=KEY)
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "AUTH_UNAVAILABLE", "1")


async def test_the_locations_that_ask_are_no_clients_business(guarded: Guarded) -> None:
    answer = await guarded.nginx.get("/_penstock/judge", headers=KEY)
    assert answer.status_code == 404
