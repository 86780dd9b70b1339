"""HTTP/1.1 clients that keep their connections and never retry: a request without a whole answer is a failure.

Like every careful client, one looks whether the server has closed the connection before it sends the next request.
"""

import asyncio
import os
import random
import re
import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

ANSWER_SECONDS = 30.0
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection: close\r\n", re.IGNORECASE)


class _Failure(Exception):
    """A request that was not answered as it should be; the text says how."""


@dataclass
class Count:
    """What became of the requests of several clients."""

    answered: int = 0
    connections: int = 0
    said_close: int = 0
    """Answers that ended their connection."""
    found_closed: int = 0
    """Connections that the server had closed between two requests."""
    slowest_seconds: float = 0.0
    failures: Counter[str] = field(default_factory=Counter)

    @property
    def failed(self) -> int:
        return self.failures.total()


class Client:
    """One client, one request at a time."""

    def __init__(self, port: int, path: str, fields: tuple[str, ...], count: Count) -> None:
        self._address = ("127.0.0.1", port)
        lines = (f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", *fields, "", "")
        self._request = "\r\n".join(lines).encode()
        self._count = count
        self._connection: socket.socket | None = None

    async def get(self) -> None:
        """One request, counted."""
        started = time.perf_counter()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._ask()
        except (OSError, _Failure) as failure:  # TimeoutError is an OSError
            self._count.failures[str(failure) or type(failure).__name__] += 1
            self.close()
        else:
            self._count.answered += 1
        self._count.slowest_seconds = max(self._count.slowest_seconds, time.perf_counter() - started)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @property
    def _connected(self) -> bool:
        return self._connection is not None

    async def _connect(self) -> None:
        self._connection = socket.socket()
        self._connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(self._connection, self._address)

    async def _is_closed(self) -> bool:
        return self._connection is not None and _is_closed(self._connection)

    async def _send(self, octets: bytes) -> None:
        assert self._connection is not None
        await asyncio.get_running_loop().sock_sendall(self._connection, octets)

    async def _receive(self) -> bytes:
        assert self._connection is not None
        return await asyncio.get_running_loop().sock_recv(self._connection, 65536)

    async def _ask(self) -> None:
        if await self._is_closed():
            self._count.found_closed += 1
            self.close()
        if not self._connected:
            await self._connect()
            self._count.connections += 1
        await self._send(self._request)
        octets = b""
        while (end := octets.find(b"\r\n\r\n")) < 0:
            octets += await self._more(octets)
        head = octets[: end + 2]
        if not head.startswith(b"HTTP/1.1 200 "):
            raise _Failure(head.partition(b"\r\n")[0].decode())
        length = _LENGTH.search(head)
        if length is None:
            raise _Failure("an answer without a length")
        while len(octets) < end + 4 + int(length[1]):
            octets += await self._more(octets)
        if _CLOSE.search(head):
            self._count.said_close += 1
            self.close()

    async def _more(self, so_far: bytes) -> bytes:
        more = await self._receive()
        if not more:
            raise _Failure("closed in the middle of an answer" if so_far else "closed without an answer")
        return more


class TlsClient(Client):
    """The same over TLS, verified for localhost."""

    def __init__(self, port: int, path: str, fields: tuple[str, ...], count: Count, context: ssl.SSLContext) -> None:
        super().__init__(port, path, fields, count)
        self._request = self._request.replace(b"Host: 127.0.0.1", b"Host: localhost")
        self._context = context
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None

    @property
    def _connected(self) -> bool:
        return self._streams is not None

    async def _connect(self) -> None:
        self._streams = await asyncio.open_connection(*self._address, ssl=self._context, server_hostname="localhost")

    async def _is_closed(self) -> bool:
        if self._streams is None:
            return False
        reader, writer = self._streams
        if reader.at_eof() or writer.is_closing():
            return True
        # All that comes between two answers is the end of TLS; the loop may be some turns behind.
        with socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno())) as own:
            return _has_heard(own)

    async def _send(self, octets: bytes) -> None:
        assert self._streams is not None
        self._streams[1].write(octets)

    async def _receive(self) -> bytes:
        assert self._streams is not None
        return await self._streams[0].read(65536)


def _has_heard(connection: socket.socket) -> bool:
    """Whether anything has arrived that is not read yet."""
    try:
        connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def _is_closed(connection: socket.socket) -> bool:
    """Whether the server's end, or a reset, has arrived since the last answer."""
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


@dataclass(frozen=True, slots=True)
class Crowd:
    """`size` clients alike: each rests up to `rest_seconds` after an answer (0: not at all), and keeps its connection
    unless it is `fresh`."""

    name: str
    size: int
    rest_seconds: float = 0.0
    fresh: bool = False


async def crowd_runs(
    crowd: Crowd,
    port: int,
    path: str,
    fields: tuple[str, ...],
    count: Count,
    over: Callable[[], bool],
    context: ssl.SSLContext | None = None,
) -> None:
    """Has the crowd ask again and again until it is `over`; over TLS in a `context`."""

    def client() -> Client:
        if context is None:
            return Client(port, path, fields, count)
        return TlsClient(port, path, fields, count, context)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(crowd.size):
            tasks.create_task(_run(crowd, client(), over))


async def _run(crowd: Crowd, client: Client, over: Callable[[], bool]) -> None:
    chance = random.Random()
    while not over():
        if crowd.rest_seconds:
            await asyncio.sleep(chance.uniform(0, crowd.rest_seconds))
        await client.get()
        if crowd.fresh:
            client.close()
    client.close()
