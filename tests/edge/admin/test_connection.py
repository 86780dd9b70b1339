"""One connection: heads that come late, bodies that break off."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from edge.admin import connection
from edge.admin.connection import AdminConnection

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await Response("hello")(scope, receive, send)


@asynccontextmanager
async def connected(app: ASGIApp) -> AsyncIterator[Streams]:
    config = uvicorn.Config(app, lifespan="off", log_config=None, ws="none", server_header=False)
    make: Callable[[], AdminConnection] = lambda: AdminConnection(config, ServerState(), {})  # noqa: E731
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    async with server, asyncio.timeout(20):
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        yield reader, writer
        writer.close()
        await writer.wait_closed()


async def head_of(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


@pytest.mark.parametrize("sent", [b"", b"GET / HTT"])
async def test_a_head_that_does_not_come_ends_the_connection(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.01)
    async with connected(hello) as (reader, writer):
        writer.write(sent)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408")
    assert json.loads(body)["code"] == "REQUEST_TIMEOUT"


async def test_a_later_head_has_as_long_as_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    async with connected(hello) as (reader, writer):
        writer.write(GET)
        assert (await head_of(reader)).startswith(b"HTTP/1.1 200")
        await reader.readexactly(5)
        monkeypatch.setattr(connection, "HEAD_SECONDS", 0.01)
        writer.write(GET[:9])
        assert (await reader.read()).startswith(b"HTTP/1.1 408")


async def test_requests_follow_each_other_on_one_connection() -> None:
    async with connected(hello) as (reader, writer):
        for _ in range(3):
            writer.write(GET)
            assert (await head_of(reader)).startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(5) == b"hello"


async def test_a_body_that_breaks_off_is_refused_and_its_reader_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told = asyncio.Event()

    async def reading(scope: Scope, receive: Receive, send: Send) -> None:
        with pytest.raises(ClientDisconnect):
            await Request(scope, receive).body()
        told.set()

    async with connected(reading) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
        writer.write(b"ZZ\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 400")
        await told.wait()
