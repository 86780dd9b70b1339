"""What a target says of itself: by the status of its answer, or by taking a connection."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from edge.deadlines import Deadlines
from edge.resilience import HealthCheck
from edge.routing import Service, Target
from edge.upstream.guard import AddressGuard
from edge.upstream.pool import UpstreamPool
from edge.upstream.probe import Probe
from tests.edge.plane import Served, answering, upstream


@asynccontextmanager
async def probe(guard: AddressGuard | None = None, seconds: float = 5.0) -> AsyncIterator[Probe]:
    pool = UpstreamPool(guard or AddressGuard(), Deadlines())
    yield Probe(pool, seconds=seconds)
    pool.close()


async def asked(ask: Probe, port: int, path: str) -> str:
    """What is wrong with a target of this port."""
    target = Target("127.0.0.1", port)
    return await ask(Service("s", (target,), health=HealthCheck(path) if path else None), target)


def answer(status: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("octets", "wrong"),
    [
        pytest.param(answer("200 OK"), "", id="200"),
        pytest.param(answer("204 No Content"), "", id="204"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\n\r\n" + answer("200 OK"), "", id="200 after a hint"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", "", id="200 before its body"),
        pytest.param(answer("302 Found"), "302", id="302"),
        pytest.param(answer("404 Not Found"), "404", id="404"),
        pytest.param(answer("503 Service Unavailable"), "503", id="503"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", "no valid answer", id="not HTTP"),
        pytest.param(answer("999 What"), "no valid answer", id="999"),
    ],
)
async def test_a_target_with_a_path_is_well_when_it_answers_2xx(octets: bytes, wrong: str) -> None:
    async with upstream(answering(octets)) as target, probe() as ask:
        assert await asked(ask, target.port, "/health?deep=1") == wrong
        async with asyncio.timeout(10):
            await target.gone.wait()
    assert target.heads == [
        f"GET /health?deep=1 HTTP/1.1\r\nHost: 127.0.0.1:{target.port}\r\n"
        "User-Agent: penstock-health\r\nConnection: close\r\n\r\n".encode()
    ]


async def closing(_served: Served) -> None:
    """A target that hangs up."""


async def silent(served: Served) -> None:
    """A target that takes a request and says nothing."""
    await served.reader.read()


async def test_a_target_with_a_path_that_hangs_up_is_not_well() -> None:
    async with upstream(closing) as target, probe() as ask:
        assert await asked(ask, target.port, "/") == "no valid answer"


async def test_a_target_that_says_nothing_is_given_up_and_let_go() -> None:
    async with upstream(silent) as target, probe(seconds=0.05) as ask:
        assert await asked(ask, target.port, "/") == "no answer in time"
        async with asyncio.timeout(10):
            await target.gone.wait()


async def test_a_target_without_a_path_is_well_when_it_takes_a_connection_and_is_sent_nothing() -> None:
    async with upstream(silent) as target, probe() as ask:
        assert await asked(ask, target.port, "") == ""
        async with asyncio.timeout(10):
            await target.gone.wait()
    assert target.heads == []


@pytest.mark.parametrize("path", ["", "/health"])
async def test_a_target_that_is_not_there_cannot_be_reached(path: str) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        async with probe() as ask:
            assert await asked(ask, nobody.getsockname()[1], path) == "cannot be reached"


async def test_our_own_ports_are_not_asked() -> None:
    async with (
        upstream(answering(answer("200 OK"))) as target,
        probe(AddressGuard(own_ports=frozenset({target.port}))) as ask,
    ):
        assert await asked(ask, target.port, "/") == "its address is not allowed"
    assert target.connections == 0
