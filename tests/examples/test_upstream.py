"""The demo upstream, as the application that uvicorn runs."""

import socket
import subprocess
import sys
from typing import Any

import httpx
import pytest

from examples.upstream import application

# The demo upstream, which tells TCP_NODELAY of each connection that it has, when it is asked for a line.
PROGRAM = """
import os, socket, sys, threading
from examples.upstream import main

def tell():
    sys.stdin.readline()
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        try:
            connection = socket.socket(fileno=os.dup(descriptor))
            connection.getpeername()
            print(connection.family.name, connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), flush=True)
        except OSError:
            continue

threading.Thread(target=tell, daemon=True).start()
main()
"""


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


def test_an_inherited_socket_is_served_without_delay() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = (sys.executable, "-c", PROGRAM, "--fd", str(listener.fileno()))
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, pass_fds=[listener.fileno()]) as upstream:
            try:
                url = f"http://127.0.0.1:{listener.getsockname()[1]}"
                with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
                    assert client.get("/health").json() == {"status": "ok"}
                    assert upstream.stdin is not None
                    assert upstream.stdout is not None
                    upstream.stdin.write("\n")
                    upstream.stdin.flush()
                    assert upstream.stdout.readline() == "AF_INET 1\n"
            finally:
                upstream.terminate()
