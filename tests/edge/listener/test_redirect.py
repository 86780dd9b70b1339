"""The plain port that leads to https."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from edge.client import hosted_by
from edge.listener.redirect import Redirector
from tests.edge.plane import Connection, Plane, plane, request


@asynccontextmanager
async def redirecting(port: int) -> AsyncIterator[tuple[Plane, Connection]]:
    """A connection to the plain port of a gateway whose TLS is on this one."""
    async with plane([]) as edge:
        protocol = hosted_by(Redirector(edge.protocol.host, port, edge.visits.append))
        state = edge.state
        assert state is not None
        server = await asyncio.get_running_loop().create_server(lambda: protocol(None, state, None), "127.0.0.1", 0)
        try:
            yield edge, await edge.connect(server.sockets[0].getsockname()[1])
        finally:
            server.close()


def asks(target: str, host: str, method: str = "GET") -> bytes:
    return request(target, method=method).replace(b"Host: localhost", f"Host: {host}".encode())


@pytest.mark.parametrize(
    ("target", "host", "port", "location"),
    [
        pytest.param("/", "shop.example", 443, "https://shop.example/", id="the root"),
        pytest.param("/a/b?c=d&e=%20", "shop.example", 443, "https://shop.example/a/b?c=d&e=%20", id="all of it"),
        pytest.param("/", "Shop.Example.:8080", 443, "https://shop.example/", id="without the plain port"),
        pytest.param("/", "shop.example", 8443, "https://shop.example:8443/", id="to another port"),
        pytest.param("/", "[::1]:80", 443, "https://[::1]/", id="an address"),
        pytest.param("//evil.example/x", "shop.example", 443, "https://shop.example//evil.example/x", id="two slashes"),
        pytest.param("/%2e%2e/x", "shop.example", 443, "https://shop.example/%2e%2e/x", id="what only routes judge"),
        pytest.param("http://shop.example/a", "shop.example", 443, "https://shop.example/a", id="a whole URL"),
        pytest.param(
            "/.well-known/acme-challenge/abc",
            "shop.example",
            443,
            "https://shop.example/.well-known/acme-challenge/abc",
            id="what an authority asks",
        ),
    ],
)
async def test_a_request_is_led_to_the_same_url_over_https(target: str, host: str, port: int, location: str) -> None:
    async with redirecting(port) as (edge, client):
        await client.send(asks(target, host))
        answer = await client.answer()
        assert (answer.status, answer.fields["location"], answer.body) == (308, location, b"")
        assert answer.fields["cache-control"] == "no-store"
        assert "strict-transport-security" not in answer.fields  # RFC 6797 §7.2
        await client.send(asks(target, host))
        assert (await client.answer()).status == 308
        assert [(visit.template, visit.status) for visit in edge.visits] == [("(redirect)", 308)] * 2


async def test_a_body_is_not_waited_for() -> None:
    async with redirecting(443) as (_, client):
        await client.send(b"POST /a HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 1000\r\n\r\n")
        answer = await client.answer()
        assert (answer.status, answer.fields["connection"]) == (308, "close")


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b"GET / HTTP/1.0\r\n\r\n", id="no host"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", id="no valid host"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", id="two hosts"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", id="a line that goes on"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00", id="TLS"),
    ],
)
async def test_what_names_no_place_is_refused(octets: bytes) -> None:
    async with redirecting(443) as (_, client):
        await client.send(octets)
        assert (await client.answer()).code == "BAD_REQUEST"


async def test_nothing_but_the_host_and_the_target_comes_back() -> None:
    async with redirecting(443) as (_, client):
        await client.send(request("/", "X-Forwarded-Host: evil.example", "X-Forwarded-Port: 1"))
        assert (await client.answer()).fields["location"] == "https://localhost/"


async def test_a_worker_that_ends_says_so() -> None:
    async with redirecting(443) as (edge, client):
        edge.drain()
        await client.send(request("/"))
        assert (await client.answer()).fields["connection"] == "close"
