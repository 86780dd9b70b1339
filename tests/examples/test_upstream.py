"""The demo upstream, as the application that uvicorn runs."""

from typing import Any

import httpx
import pytest

from examples.upstream import application


async def call(method: str, path: str, **more: Any) -> httpx.Response:
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://upstream") as client:
        return await client.request(method, path, **more)


async def test_it_shows_what_reached_it() -> None:
    answer = (await call("POST", "/any/where?a=1", content=b"12345", headers={"x-user-id": "u1"})).json()
    assert (answer["method"], answer["path"], answer["query"]) == ("POST", "/any/where", "a=1")
    assert answer["headers"]["x-user-id"] == "u1"
    assert answer["body_bytes"] == 5


async def test_a_header_that_came_twice_is_shown_twice() -> None:
    answer = await call("GET", "/", headers=[("x-tenant-id", "a"), ("x-tenant-id", "b"), ("x-tenant-id", "c")])
    assert answer.json()["headers"]["x-tenant-id"] == ["a", "b", "c"]


@pytest.mark.parametrize("status", [200, 204, 304, 404, 503])
async def test_it_answers_with_the_status_asked_for(status: int) -> None:
    assert (await call("GET", f"/status/{status}")).status_code == status


@pytest.mark.parametrize("path", ["/status/99", "/status/600", "/status/x", "/status"])
async def test_a_status_that_does_not_exist_is_a_path_like_others(path: str) -> None:
    assert (await call("GET", path)).json()["path"] == path


async def test_it_streams_in_chunks() -> None:
    answer = await call("GET", "/stream?chunks=2")
    assert answer.text == "chunk 0\nchunk 1\n"
    assert "content-length" not in answer.headers


async def test_health_and_slow_answer() -> None:
    assert (await call("GET", "/health")).json() == {"status": "ok"}
    assert (await call("GET", "/slow?seconds=0")).status_code == 200
    assert (await call("GET", "/slow?seconds=nonsense&seconds=-1")).status_code == 200
