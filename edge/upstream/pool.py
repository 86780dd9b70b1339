"""Connections to upstream targets: idle ones are used again, new ones are made within the connect timeout."""

import asyncio
import socket
import ssl
from collections import defaultdict, deque
from typing import NamedTuple

from domain.tenants import TenantId
from edge.deadlines import Deadlines
from edge.routing import Target
from edge.upstream.connection import MAX_HEAD_BYTES, UpstreamConnection
from edge.upstream.guard import AddressGuard
from edge.upstream.known import KnownAnswers

IDLE_SECONDS = 4.0
"""Below the 5 s after which common servers close an idle connection, so that we rarely meet one closing."""
IDLE_PER_TARGET = 256


class Unreachable(Exception):
    """No connection to the target. `timed_out` tells silence from refusal."""

    def __init__(self, target: str, *, timed_out: bool = False) -> None:
        super().__init__(target)
        self.timed_out = timed_out


class Lease(NamedTuple):
    """Where a connection came from and goes back to. `owner` is the tenant that named the target: no octet of one
    tenant's upstream can come to another. `trusted`: whether it may use private addresses.

    A tuple of plain values, because every request hashes one. `name` is the target as records and metrics show it.
    """

    name: str
    host: str
    port: int
    tls: bool
    owner: TenantId
    trusted: bool

    @classmethod
    def of(cls, target: Target, owner: TenantId, *, trusted: bool) -> "Lease":
        """The lease of connections to a target."""
        return cls(target.name, target.host, target.port, target.tls, owner, trusted)


class UpstreamPool:
    """The connections of one worker to all targets."""

    def __init__(self, guard: AddressGuard, deadlines: Deadlines, *, head_bytes: int = MAX_HEAD_BYTES) -> None:
        """`head_bytes` bounds an answer's head."""
        self._head_bytes = head_bytes
        self._guard = guard
        self._deadlines = deadlines
        self._known = KnownAnswers()
        self._idle: dict[Lease, deque[UpstreamConnection]] = defaultdict(deque)
        self._tls = ssl.create_default_context()

    def idle(self, lease: Lease, now: float) -> UpstreamConnection | None:
        """The connection that was used last, if one is alive and fresh."""
        connections = self._idle.get(lease)
        while connections:
            connection = connections.pop()
            if connection.reusable and now - connection.idle_since < IDLE_SECONDS:
                return connection
            connection.abandon()
        return None

    async def connect(self, lease: Lease, timeout: float) -> UpstreamConnection:
        """A new connection; raises Unreachable. `timeout` in seconds covers name look-up and handshakes."""
        try:
            async with asyncio.timeout(timeout):
                return await self._connect(lease)
        except TimeoutError:
            raise Unreachable(lease.host, timed_out=True) from None
        except (OSError, UnicodeError):  # refused, no route, unknown or impossible name, failed TLS handshake
            raise Unreachable(lease.host) from None

    async def _connect(self, lease: Lease) -> UpstreamConnection:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(lease.host, lease.port, type=socket.SOCK_STREAM)
        addresses = [str(entry[4][0]) for entry in found]
        permitted = [a for a in addresses if self._guard.permits(a, lease.port, trusted=lease.trusted)]
        failure: OSError = ConnectionRefusedError(lease.host)
        for address in permitted:
            try:
                _, connection = await loop.create_connection(
                    lambda: UpstreamConnection(self._deadlines, self._known, self._head_bytes),
                    address,
                    lease.port,
                    ssl=self._tls if lease.tls else None,
                    server_hostname=lease.host if lease.tls else None,
                )
            except OSError as exc:
                failure = exc
            else:
                return connection
        raise failure

    def release(self, lease: Lease, connection: UpstreamConnection, now: float) -> None:
        """Takes a connection back after its exchange; keeps it if it may carry another one."""
        connections = self._idle[lease]
        if connection.reusable and len(connections) < IDLE_PER_TARGET:
            connection.idle_since = now
            connection.pooled = True
            connections.append(connection)
        else:
            connection.abandon()

    def expire(self, now: float) -> None:
        """Closes what has been idle for too long, and forgets targets without connections."""
        for lease, connections in list(self._idle.items()):
            while connections and (connections[0].closed or now - connections[0].idle_since >= IDLE_SECONDS):
                connections.popleft().abandon()
            if not connections:
                del self._idle[lease]

    async def run(self) -> None:
        """Expires idle connections until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(1.0)
            self.expire(loop.time())

    def close(self) -> None:
        """Closes all idle connections."""
        for connections in self._idle.values():
            for connection in connections:
                connection.abandon()
        self._idle.clear()
