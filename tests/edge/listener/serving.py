"""Serves a data plane of tests by the edge's own server, over TLS and behind balancers; and clients of it."""

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network

from edge.listener.acceptor import HURRIED_SECONDS, Acceptor, Contexts, OpeningLimits
from edge.server import EdgeServer, edge_server, listening_socket
from tests.edge.plane import DEADLINE, Connection, Plane

OPENING = OpeningLimits()


@dataclass
class Listening:
    """A port of a data plane. `dropped` counts connections that came to nothing, by reason."""

    port: int
    server: EdgeServer
    edge: Plane
    acceptor: Acceptor
    dropped: Counter[str] = field(default_factory=Counter)
    serving: asyncio.Task[None] | None = None

    def connect(self) -> socket.socket:
        """A plain connection, for a test that decides what each octet is."""
        return socket.create_connection(("127.0.0.1", self.port))

    async def plain(self, *first: bytes) -> Connection:
        """A plain connection that begins with these octets."""
        connection = await self.edge.connect(self.port)
        for octets in first:
            await connection.send(octets)
        return connection

    async def tls(self, context: ssl.SSLContext, name: str | None = "edge.test", first: bytes = b"") -> Connection:
        """A connection over TLS for a host of this name, behind these octets; none: for an address."""
        connection = await self.plain(first)
        if name is None:
            context.check_hostname = False
        await connection.writer.start_tls(context, server_hostname=name or "")
        return connection

    async def has_dropped(self, reason: str, number: int = 1) -> None:
        """Returns once so many connections have come to nothing for this reason."""
        async with asyncio.timeout(DEADLINE):
            while self.dropped[reason] < number:  # noqa: ASYNC110 - a count is no event
                await asyncio.sleep(0.005)

    async def opens(self) -> None:
        """Returns once a connection is being opened."""
        async with asyncio.timeout(DEADLINE):
            while not self.acceptor.opening:  # noqa: ASYNC110 - nor is this
                await asyncio.sleep(0.005)

    async def closes(self) -> None:
        """Returns once it takes no more connections."""
        async with asyncio.timeout(DEADLINE):
            while not self.acceptor.closed:  # noqa: ASYNC110 - nor is this
                await asyncio.sleep(0.005)

    async def end(self) -> None:
        """Drains the server."""
        self.edge.drain()
        self.server.should_exit = True
        assert self.serving is not None
        async with asyncio.timeout(DEADLINE):
            await self.serving


@asynccontextmanager
async def listening(
    edge: Plane,
    *,
    tls: Contexts | None = None,
    balancers: Sequence[str] = (),
    limits: OpeningLimits = OPENING,
    hurried_seconds: float = HURRIED_SECONDS,
    drain_seconds: float = 5.0,
) -> AsyncIterator[Listening]:
    """Serves the data plane on a port of its own until the block is left."""
    listener = listening_socket("127.0.0.1:0", None)
    listener.listen()
    dropped: Counter[str] = Counter()
    acceptor = Acceptor(
        listener,
        tls=tls,
        balancers=tuple(map(ip_network, balancers)),
        limits=limits,
        dropped=lambda reason: dropped.update((reason,)),
        hurried_seconds=hurried_seconds,
    )
    server = edge_server(edge.protocol, drain_seconds, [(acceptor, edge.protocol)])
    port = Listening(listener.getsockname()[1], server, edge, acceptor, dropped)
    port.serving = asyncio.get_running_loop().create_task(server.serve(sockets=[listener]))
    try:
        yield port
    finally:
        for connection in edge.opened:
            connection.close()
        await port.end()
