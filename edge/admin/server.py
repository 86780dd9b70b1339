"""The life of the management process: bind, serve, and on SIGTERM or SIGINT drain and end with code 0."""

import errno
import os
import socket
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import structlog
import uvicorn
from starlette.types import ASGIApp

from edge.admin.connection import AdminConnection
from svckit.rim import stop_signals

KEEP_ALIVE_SECONDS: Final = 30
log = structlog.get_logger()


class ListenError(Exception):
    """An address cannot be bound; the text says which and why."""


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leaves signals alone: uvicorn would raise SIGTERM again after its shutdown, and nothing would unwind."""
        yield


async def serve(app: ASGIApp, listeners: list[socket.socket], drain_seconds: float) -> None:
    """Serves `app` until a signal comes, then ends open requests, `drain_seconds` at most."""
    config = uvicorn.Config(
        app,
        http=AdminConnection,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=max(1, int(drain_seconds)),
    )
    server = _Server(config)

    def stop() -> None:
        log.info("draining")
        server.should_exit = True

    with stop_signals(stop):
        log.info("listening", addresses=[str(each.getsockname()) for each in listeners])
        await server.serve(listeners)
    log.info("stopped")


@contextmanager
def listening(addresses: Iterable[str]) -> Iterator[list[socket.socket]]:
    """Sockets bound to `addresses` (`host:port` or `unix:/path`); ListenError when one cannot be."""
    bound: list[socket.socket] = []
    try:
        bound.extend(map(_bound, addresses))
        yield bound
    finally:
        for each in bound:
            each.close()


def _bound(address: str) -> socket.socket:
    try:
        if address.startswith("unix:"):
            return _unix(Path(address.removeprefix("unix:")))
        host, _, port = address.rpartition(":")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host.strip("[]"), int(port)), family=family)
    except (socket.gaierror, ValueError, OverflowError) as error:
        raise ListenError(f"cannot listen on {address}: not an address") from error
    except OSError as error:
        # By number: `create_server` puts the address into the text a second time.
        raise ListenError(f"cannot listen on {address}: {os.strerror(error.errno or 0)}") from error


def _unix(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    if _answers(path):
        listener.close()
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    path.unlink(missing_ok=True)  # what a killed process left
    try:
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0
