"""What stands behind the edge in these tests: a real HTTP server, and places where no connection can be made."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn

from edge.server import EdgeServer
from examples.upstream import application


@asynccontextmanager
async def http_upstream() -> AsyncIterator[int]:
    """The demo upstream under uvicorn; its port."""
    config = uvicorn.Config(application, ws="none", lifespan="off", log_config=None, timeout_graceful_shutdown=1)
    server = EdgeServer(config)  # uvicorn's, without its signals
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.get_running_loop().create_task(server.serve(sockets=[listener]))
        try:
            yield int(listener.getsockname()[1])
        finally:
            server.should_exit = True
            await serving


def closed_port() -> int:
    """A port of loopback that refuses connections."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def black_hole() -> Iterator[int]:
    """A port of loopback that answers no attempt to connect: its listener's queue is full and nobody accepts."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        try:
            for each in waiting:
                each.setblocking(False)
                each.connect_ex(listener.getsockname())
            yield int(listener.getsockname()[1])
        finally:
            for each in waiting:
                each.close()
