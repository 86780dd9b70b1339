"""What every answer has, whatever became of the request."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from structlog.testing import capture_logs

from edge.admin import rim
from edge.admin.rim import Rim
from svckit.call_context import request_id
from tests.edge.admin.conftest import World
from tests.edge.admin.fakes import ADMIN, VIEWER

PROBLEM = {"type", "title", "status", "detail", "instance", "code", "error", "request_id"}


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "ROUTE_NOT_FOUND"),
        ("GET", "/admin/v1/tenants/", 404, "ROUTE_NOT_FOUND"),
        ("GET", "/docs", 404, "ROUTE_NOT_FOUND"),
        ("PUT", "/admin/v1/tenants", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/livez", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/admin/v1/tenants?limit=0", 400, "BAD_REQUEST"),
        ("POST", "/admin/v1/tenants", 400, "BAD_REQUEST"),
        ("GET", "/admin/v1/tenants/nobody", 404, "NOT_FOUND"),
        ("DELETE", "/admin/v1/tenants/acme", 501, "UNIMPLEMENTED"),
    ],
)
async def test_every_refusal_is_a_problem(world: World, method: str, path: str, status: int, code: str) -> None:
    answer = await world.ask(method, path)
    body = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert body.keys() - {"errors"} == PROBLEM
    assert (answer.status_code, body["status"], body["code"], body["error"]) == (status, status, code, code)
    assert body["request_id"] == answer.headers["X-Request-ID"]
    assert (status == 405) == ("Allow" in answer.headers)


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/livez", "GET"),
        ("/admin/v1/tenants", "GET, POST"),
        ("/admin/v1/tenants/globex", "DELETE, GET, PATCH"),
        ("/admin/v1/tenants/globex/config/rollback", "POST"),
    ],
)
async def test_a_method_that_a_path_does_not_take_is_told_all_that_it_takes(
    world: World, path: str, allow: str
) -> None:
    assert (await world.ask("OPTIONS", path)).headers["Allow"] == allow


async def test_every_answer_carries_the_defensive_headers(world: World) -> None:
    for path in ("/livez", "/nowhere", "/admin/v1/tenants", "/openapi.json", "/metrics"):
        headers = (await world.ask("GET", path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert headers["Cache-Control"] == "no-store"


async def test_a_valid_request_id_is_kept_and_reaches_the_services(world: World) -> None:
    answer = await world.ask("GET", "/admin/v1/tenants/acme", headers={"X-Request-ID": "till-7.a_B"})
    assert answer.headers["X-Request-ID"] == "till-7.a_B"
    assert world.fakes.heard.calls == [("GetTenantRequest", "till-7.a_B")]


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, "ü", "a\tb"])
async def test_any_other_request_id_is_replaced(world: World, given: str) -> None:
    headers = [(b"X-Request-ID", given.encode())]
    made = (await world.client.get("/livez", headers=headers)).headers["X-Request-ID"]
    assert made != given
    assert len(made) == 36


async def test_a_body_above_the_limit_is_413(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rim, "MAX_BODY_BYTES", 1000)

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b"#" * 100

    for content in (b"#" * 1001, chunks()):
        answer = await world.ask(
            "PUT", "/admin/v1/tenants/acme/config", content=content, headers={"Content-Type": "text/yaml"}
        )
        assert (answer.status_code, answer.json()["code"]) == (413, "BODY_TOO_LARGE")


async def test_a_body_that_does_not_come_in_time_is_408(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rim, "BODY_SECONDS", 0.0)

    async def never() -> AsyncIterator[bytes]:
        yield await asyncio.get_running_loop().create_future()

    answer = await world.ask("POST", "/admin/v1/tenants", content=never())
    assert (answer.status_code, answer.json()["code"]) == (408, "REQUEST_TIMEOUT")


async def test_a_failure_of_ours_is_told_to_the_log_and_to_nobody_else() -> None:
    async def failing(_scope: object, _receive: object, _send: object) -> None:
        raise RuntimeError("the password is hunter2")

    transport = httpx.ASGITransport(Rim(failing))
    with capture_logs() as lines:
        async with httpx.AsyncClient(transport=transport, base_url="http://admin.test") as client:
            answer = await client.get("/x")
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL")
    assert "hunter2" not in answer.text
    assert any(line["event"] == "request failed" and line["exc_info"] for line in lines)


async def test_each_request_leaves_one_line(world: World) -> None:
    with capture_logs() as lines:
        await world.ask("GET", "/admin/v1/tenants/acme/logs?consumer=shop", VIEWER)
    (line,) = [each for each in lines if each["event"] == "request"]
    wanted = {"method": "GET", "path": "/admin/v1/tenants/acme/logs", "status": 200, "token_id": "av"}
    assert {**line, **wanted} == line
    assert not [each for each in lines if each["event"] == "audit"]
    assert VIEWER not in str(lines)


async def test_each_act_that_would_change_something_is_audited_granted_or_not(world: World) -> None:
    with capture_logs() as lines:
        await world.ask("POST", "/admin/v1/tenants/acme/keys", ADMIN, json={"name": "till"})
        await world.ask("DELETE", "/admin/v1/tenants/acme/keys/key0", VIEWER)
    granted, refused = [each for each in lines if each["event"] == "audit"]
    told = {"action": "create_key", "token_id": "aa", "role": "tenant_admin", "status": 201, "key_id": "key0"}
    assert {**granted, **told} == granted
    assert granted["tenant_id"] == world.fakes.tenants.tenants[granted["tenant_id"]].id
    told = {"action": "revoke_key", "token_id": "av", "status": 403, "asked_key_id": "key0"}
    assert {**refused, **told} == refused
    assert "psk_live_once" not in str(lines)


async def test_the_request_id_is_there_for_whoever_serves() -> None:
    seen = []

    async def looking(_scope: object, _receive: object, _send: object) -> None:
        seen.append(request_id())

    await Rim(looking)(
        {"type": "http", "method": "GET", "path": "/", "headers": [(b"x-request-id", b"kept")]},
        None,  # type: ignore[arg-type]
        None,  # type: ignore[arg-type]
    )
    assert seen == ["kept"]
