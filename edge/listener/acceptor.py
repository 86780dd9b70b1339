"""Takes connections whose first octets are not HTTP: a PROXY header of a trusted balancer, then a TLS handshake, then
the connection belongs to its protocol.

Connections are opened as many at a time as the bounds say. Others wait in the kernel's queue; so that clients which
say nothing cannot hold it up, the oldest one then has a second, in place of the time that it had.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from edge.client import ClientConnection
from edge.http.forwarded import Network, TrustedProxies, parse_address
from edge.listener.proxy_protocol import PEEK_BYTES, BadProxyHeader, ProxyHeader, read_proxy_header

BACKLOG: Final = 2048
"""Connections that wait in the kernel to be taken."""
HURRIED_SECONDS: Final = 1.0
"""For a client's part of the opening once others wait for it."""
FULL_SECONDS: Final = 1.0
"""Between two attempts when the process or the system has no more descriptors."""
_AT_ONCE: Final = 64
"""Connections taken in one turn of the loop."""

log = structlog.get_logger(__name__)


class Contexts(Protocol):
    """Where the context for new connections is found."""

    @property
    def context(self) -> ssl.SSLContext: ...


@dataclass(frozen=True, slots=True)
class OpeningLimits:
    """Bounds of connections before their first request: seconds until they are open, how many are being opened at a
    time, and seconds in which TLS may be ended once the edge is done with one."""

    seconds: float = 10.0
    at_a_time: int = 256
    closing_seconds: float = 60.0


class Acceptor:
    """One listening socket. `dropped` hears why a connection came to nothing."""

    def __init__(
        self,
        listener: socket.socket,
        *,
        tls: Contexts | None,
        balancers: tuple[Network, ...],
        limits: OpeningLimits,
        dropped: Callable[[str], None],
        hurried_seconds: float = HURRIED_SECONDS,
    ) -> None:
        """`tls` None: plain connections. `balancers`: whose connections must begin with a PROXY header, and nobody
        else's may."""
        self.listener = listener
        self._tls = tls
        self._balancers = TrustedProxies(balancers)
        self._limits = limits
        self._dropped = dropped
        self._hurried_seconds = hurried_seconds
        self._loop = asyncio.get_running_loop()
        self.opening: dict[asyncio.Task[None], float] = {}
        """Since when, the oldest first."""
        self._hurry: asyncio.TimerHandle | None = None
        self._listening = False
        self.closed = False
        self._empty = asyncio.Event()
        self._empty.set()

    def open(self, make: Callable[[], ClientConnection], tasks: asyncio.TaskGroup) -> None:
        """Takes connections from now on, each for a protocol that `make` makes."""
        self._make, self._tasks = make, tasks
        self.listener.setblocking(False)
        self.listener.listen(BACKLOG)
        self._listen()

    async def close(self) -> None:
        """Takes no more connections; returns once those that are being opened are open, or have had their second."""
        self.closed = True
        self._unlisten()
        if self._hurry is not None:
            self._hurry.cancel()
        try:
            async with asyncio.timeout(self._hurried_seconds):
                await self._empty.wait()
        except TimeoutError:
            for task in self.opening:
                task.cancel()
        self.listener.close()

    def _listen(self) -> None:
        if not self._listening and not self.closed:
            self._listening = True
            self._loop.add_reader(self.listener, self._accept)

    def _unlisten(self) -> None:
        if self._listening:
            self._listening = False
            self._loop.remove_reader(self.listener)

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            if len(self.opening) >= self._limits.at_a_time:
                self._wait_for_room()
                return
            try:
                connection, address = self.listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:  # no descriptor is left: the connection stays in the queue
                log.error("no connection can be taken", reason=error.strerror)
                self._unlisten()
                self._loop.call_later(FULL_SECONDS, self._listen)
                return
            connection.setblocking(False)
            peer = str(address[0]) if isinstance(address, tuple) else ""
            task = self._tasks.create_task(self._open(connection, peer))
            self.opening[task] = self._loop.time()
            self._empty.clear()
            task.add_done_callback(self._opened)

    def _wait_for_room(self) -> None:
        self._unlisten()
        since = next(iter(self.opening.values()))
        self._hurry = self._loop.call_at(since + self._hurried_seconds, self._make_room)

    def _make_room(self) -> None:
        """Gives up the oldest ones: those that came after them have waited for a second at most."""
        late = self._loop.time() - self._hurried_seconds
        for task, since in self.opening.items():
            if since <= late:
                task.cancel()

    def _opened(self, task: asyncio.Task[None]) -> None:
        del self.opening[task]
        if task.cancelled():
            self._dropped("crowded")
        if not self.opening:
            self._empty.set()
        if self._hurry is not None:
            self._hurry.cancel()
            self._hurry = None
            self._listen()

    async def _open(self, connection: socket.socket, peer: str) -> None:
        handed_over = False
        try:
            async with asyncio.timeout(self._limits.seconds):
                named = ""
                if self._balancers.networks and self._balancers.trusts(parse_address(peer.partition("%")[0])):
                    named = (await self._proxy_header(connection)).address
                protocol = self._make()
                protocol.named_address = named
                await self._hand_over(connection, protocol)
                handed_over = True
        except TimeoutError:
            self._dropped("timeout")
        except BadProxyHeader as error:
            log.info("connection refused", peer=peer, reason=str(error))
            self._dropped("proxy_header")
        except ssl.SSLError:
            self._dropped("handshake")
        except OSError:
            self._dropped("gone")
        except Exception:
            # The rim of every connection: a failure of ours must not end those of all others.
            log.exception("connection failed", peer=peer)
        finally:
            if not handed_over:
                connection.close()

    async def _hand_over(self, connection: socket.socket, protocol: ClientConnection) -> None:
        if self._tls is None:
            await self._loop.connect_accepted_socket(lambda: protocol, connection)
            return
        await self._loop.connect_accepted_socket(
            lambda: protocol,
            connection,
            ssl=self._tls.context,
            ssl_handshake_timeout=self._limits.seconds,
            ssl_shutdown_timeout=self._limits.closing_seconds,
        )

    async def _proxy_header(self, connection: socket.socket) -> ProxyHeader:
        """Takes the header from the connection, and not an octet of what follows."""
        taken = b""
        while True:
            seen = await self._peek(connection, PEEK_BYTES - len(taken))
            if not seen:
                raise ConnectionResetError
            header = read_proxy_header(taken + seen)
            taken += connection.recv(len(seen) if header is None else header.octets - len(taken))
            if header is not None:
                return header

    async def _peek(self, connection: socket.socket, octets: int) -> bytes:
        while True:
            try:
                return connection.recv(octets, socket.MSG_PEEK)
            except BlockingIOError:
                readable = asyncio.Event()
                self._loop.add_reader(connection, readable.set)
                try:
                    await readable.wait()
                finally:
                    self._loop.remove_reader(connection)
