"""uvicorn's server with a life-cycle of ours: signals belong to the worker, and its end is an ordinary return.

uvicorn raises SIGTERM again after its shutdown, so that nothing around `serve()` would ever be unwound.
"""

import socket
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn

from edge.client import ClientConnection

BACKLOG = 2048


class EdgeServer(uvicorn.Server):
    """Serves until `should_exit` is set, then drains."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leaves signals alone."""
        yield


def edge_server(protocol: type[ClientConnection], drain_seconds: float) -> EdgeServer:
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
        )
    )


async def _unused(_scope: object, _receive: object, _send: object) -> None:
    """uvicorn wants an application; connections of ours find theirs behind the bridge."""


def listening_socket(listen: str, inherited: int | None) -> socket.socket:
    """The socket inherited from the supervisor, or a new one bound to `host:port`; OSError when it is taken."""
    if inherited is not None:
        return socket.socket(fileno=inherited)
    host, _, port = listen.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind((host.strip("[]"), int(port)))
    return listener
