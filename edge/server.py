"""uvicorn's server with a life-cycle of ours: signals belong to the worker, and its end is an ordinary return.

uvicorn raises SIGTERM again after its shutdown, so that nothing around `serve()` would ever be unwound. Connections
that do not begin with HTTP come by acceptors of ours; once they are open they are like the others.
"""

import asyncio
import socket
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import partial

import uvicorn

from edge.client import ClientConnection
from edge.listener.acceptor import BACKLOG, Acceptor

UNSENT_BYTES = 128 * 1024


class EdgeServer(uvicorn.Server):
    """Serves until `should_exit` is set, then drains. `acceptors` take connections besides uvicorn's sockets, each for
    a protocol of its own."""

    def __init__(
        self, config: uvicorn.Config, acceptors: Sequence[tuple[Acceptor, type[ClientConnection]]] = ()
    ) -> None:
        super().__init__(config)
        self._acceptors = acceptors

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serves on these sockets, and by the acceptors."""
        async with asyncio.TaskGroup() as self._opening:
            await super().serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to take connections. A socket that an acceptor has is its alone."""
        taken = [acceptor.listener for acceptor, _ in self._acceptors]
        await super().startup([each for each in sockets or () if each not in taken])
        for acceptor, protocol in self._acceptors:
            acceptor.open(partial(protocol, self.config, self.server_state, {}), self._opening)

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leaves signals alone."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Lets requests end, for the time that they have; then cuts the rest off, so that these are recorded, too."""
        await asyncio.gather(*(acceptor.close() for acceptor, _ in self._acceptors))
        await super().shutdown(sockets)
        connections = self.server_state.connections
        for connection in list(connections):
            connection.abort()  # type: ignore[union-attr]  # all of them are ours
        while connections:  # noqa: ASYNC110 - each hears of it from the loop, on one of its next turns
            await asyncio.sleep(0)


def edge_server(
    protocol: type[ClientConnection],
    drain_seconds: float,
    acceptors: Sequence[tuple[Acceptor, type[ClientConnection]]] = (),
) -> EdgeServer:
    """A server whose connections are ours from the first octet on; no connection reaches uvicorn's own protocols."""
    return EdgeServer(
        uvicorn.Config(
            app=_unused,
            http=protocol,
            ws="none",
            loop="none",
            lifespan="off",
            interface="asgi3",
            proxy_headers=False,
            server_header=False,
            date_header=False,
            access_log=False,
            log_config=None,
            backlog=BACKLOG,
            timeout_graceful_shutdown=max(1, round(drain_seconds)),
        ),
        acceptors,
    )


async def _unused(_scope: object, _receive: object, _send: object) -> None:
    """uvicorn wants an application; connections of ours find theirs behind the bridge."""


def listening_socket(listen: str, inherited: int | None) -> socket.socket:
    """The socket inherited from the supervisor, or a new one bound to `host:port`; OSError when it is taken."""
    if inherited is not None:
        listener = socket.socket(fileno=inherited)
        _bound_unsent(listener)
        return listener
    host, _, port = listen.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    _bound_unsent(listener)
    listener.bind((host.strip("[]"), int(port)))
    return listener


def _bound_unsent(listener: socket.socket) -> None:
    """Lets the kernel hold little of an answer that its client does not take; connections inherit it (tcp(7)). Else it
    takes some 2.5 MiB for each of them, and the edge fetches as much from the upstream."""
    if listener.family in (socket.AF_INET, socket.AF_INET6):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
