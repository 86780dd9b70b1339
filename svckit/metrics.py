"""What a process counts: rpc metrics on a registry of its own, and the page that shows them over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

_HEAD_TIMEOUT_SECONDS: Final = 5.0
_HEAD_LIMIT_BYTES: Final = 8192
# From a look-up in memory to the longest call that still has a deadline.
_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


def new_registry() -> CollectorRegistry:
    """A registry with what Prometheus expects of any Python process."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


class RpcMetrics:
    """How many rpcs ended with which code, and how long they took; a stream counts when it ends."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._handled = Counter("grpc_server_handled_total", "Calls that ended.", ("method", "code"), registry=registry)
        self._seconds = Histogram(
            "grpc_server_handling_seconds",
            "Time from the call's arrival to its end.",
            ("method",),
            buckets=_BUCKETS,
            registry=registry,
        )

    def of_method(self, method: str) -> Callable[[str, float], None]:
        """A function that counts one ended call of `method` by code name and duration in seconds."""
        seconds = self._seconds.labels(method)

        def count(code: str, duration: float) -> None:
            self._handled.labels(method, code).inc()
            seconds.observe(duration)

        return count


@asynccontextmanager
async def metrics_page(listen: str, registry: CollectorRegistry) -> AsyncIterator[str]:
    """Serves `GET /metrics` on `host:port` or `unix:/path` while entered; yields the bound address.

    One request per connection, for a scraper on a private network: no TLS, no keep-alive.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_HEAD_TIMEOUT_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_response(head, registry))
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the scraper went away, or is none
        finally:
            writer.close()

    if listen.startswith("unix:"):
        server = await asyncio.start_unix_server(answer, listen.removeprefix("unix:"), limit=_HEAD_LIMIT_BYTES)
        bound = listen
    else:
        host, _, port = listen.rpartition(":")
        server = await asyncio.start_server(answer, host.strip("[]"), int(port), limit=_HEAD_LIMIT_BYTES)
        bound = f"{host}:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield bound


def _response(head: bytes, registry: CollectorRegistry) -> bytes:
    request_line, *lines = head.decode("latin-1").split("\r\n")
    if request_line.split(" ")[:2] != ["GET", "/metrics"]:
        return b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    encode, content_type = choose_encoder(headers.get("accept", ""))
    body: bytes = encode(registry)
    fields = f"content-type: {content_type}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    return b"HTTP/1.1 200 OK\r\n" + fields.encode() + body
