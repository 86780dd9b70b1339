"""Real ends of a tunnel: a server and clients of the library `websockets` around a data plane."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.utils import accept_key

from edge.routing import Auth, Route, WebSocketLimits
from tests.edge.plane import DEADLINE, Connection, Plane, Served, plane, request, route

Script = Callable[[ServerConnection], Awaitable[None]]


async def echo(connection: ServerConnection) -> None:
    """Sends back what it gets."""
    async for message in connection:
        await connection.send(message)


@dataclass
class Behind:
    """A WebSocket server: its connections, in their order, and how those have ended that did."""

    port: int = 0
    connections: list[ServerConnection] = field(default_factory=list)
    codes: list[int | None] = field(default_factory=list)
    server: Server | None = None
    _met: asyncio.Event = field(default_factory=asyncio.Event)

    async def ended(self, count: int = 1) -> list[int | None]:
        """The codes that the server has seen, once so many connections have ended."""
        async with asyncio.timeout(DEADLINE):
            while len(self.codes) < count:
                self._met.clear()
                await self._met.wait()
        return self.codes


@asynccontextmanager
async def server(script: Script = echo, **options: Any) -> AsyncIterator[Behind]:
    """Runs the script for each WebSocket."""
    behind = Behind()

    async def handler(connection: ServerConnection) -> None:
        behind.connections.append(connection)
        try:
            with suppress(ConnectionClosed):
                await script(connection)
        finally:
            await connection.wait_closed()
            behind.codes.append(connection.close_code)
            behind._met.set()

    given = {"compression": None, "ping_interval": None, "close_timeout": 1, **options}
    async with serve(handler, "127.0.0.1", 0, **given) as behind.server:
        behind.port = next(iter(behind.server.sockets)).getsockname()[1]
        yield behind


def ws_route(port: int, **changes: Any) -> Route:
    """A route that takes WebSockets, without a credential unless told otherwise."""
    return route(port, **{"auth": Auth.NONE, "websocket": WebSocketLimits(), **changes})


@asynccontextmanager
async def tunnelled(
    script: Script = echo, server_options: dict[str, Any] | None = None, **changes: Any
) -> AsyncIterator[tuple[Plane, Behind]]:
    """A data plane in front of a server, with one route to it."""
    async with server(script, **(server_options or {})) as behind, plane([ws_route(behind.port, **changes)]) as edge:
        yield edge, behind


def opened(edge: Plane, path: str = "/api/ws", **options: Any) -> connect:
    """A client's WebSocket through the edge."""
    given = {"compression": None, "ping_interval": None, "close_timeout": 1, "proxy": None, **options}
    return connect(f"ws://127.0.0.1:{edge.port}{path}", **given)


HANDSHAKE = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


async def agree(served: Served, *, rest: bytes = b"", before: bytes = b"") -> None:
    """Answers a handshake by hand; `rest` follows the answer at once."""
    head = await served.head()
    key = re.search(rb"Sec-WebSocket-Key: (\S+)", head)
    assert key is not None
    await served.send(
        before
        + b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + f"Sec-WebSocket-Accept: {accept_key(key[1].decode())}\r\n\r\n".encode()
        + rest
    )


async def asked(edge: Plane, *lines: str, path: str = "/api/ws") -> Connection:
    """A client's connection over which a WebSocket was asked for, by hand."""
    client = await edge.connect()
    await client.send(request(path, *HANDSHAKE, *lines))
    return client


async def closing(client: ClientConnection) -> tuple[int | None, str | None]:
    """How a client's WebSocket ends: the code and the reason."""
    async with asyncio.timeout(DEADLINE):
        await client.wait_closed()
    return client.close_code, client.close_reason
