"""Connections to upstream targets: idle ones are used again, new ones are made within the connect timeout.

Of each target a worker has a bounded number of connections; whoever finds all of them in use waits for one, for as
long as connecting may take.
"""

import asyncio
import ssl
from collections import deque
from contextlib import suppress
from typing import Final, TypeAlias
from weakref import WeakValueDictionary

from domain.tenants import TenantId
from edge.deadlines import Deadlines
from edge.resilience import ConnectionLimits, Trust
from edge.routing import Service, Target
from edge.upstream.connection import MAX_HEAD_BYTES, UpstreamConnection
from edge.upstream.guard import AddressGuard
from edge.upstream.known import KnownAnswers
from edge.upstream.names import Names, is_address

SWEEP_SECONDS: Final = 1.0
_Key: TypeAlias = tuple[TenantId, str, str, int, bool, bool, Trust]


class Unreachable(Exception):
    """No connection to the target, and why. `timed_out` tells silence from refusal, `busy` that all connections to it
    stayed in use."""

    def __init__(self, why: str, *, timed_out: bool = False, busy: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.timed_out = timed_out
        self.busy = busy


class Lease:
    """One target as a tenant's service uses it, with its connections: there they come from and go back to.

    `owner` is the tenant that named the target: no octet of one tenant's upstream can come to another. `trusted`:
    whether it may use private addresses. `name` is the target as records and metrics show it.
    """

    __slots__ = (
        "__weakref__",
        "_waiting",
        "authorities",
        "host",
        "idle",
        "limits",
        "made",
        "name",
        "open",
        "opening",
        "owner",
        "port",
        "tls",
        "trust",
        "trusted",
    )

    def __init__(
        self,
        target: Target,
        owner: TenantId,
        *,
        trusted: bool,
        limits: ConnectionLimits | None = None,
        trust: Trust | None = None,
    ) -> None:
        self.name, self.host, self.port, self.tls = target.name, target.host, target.port, target.tls
        self.owner, self.trusted = owner, trusted
        self.limits, self.trust = limits or ConnectionLimits(), trust or Trust()
        self.authorities: ssl.SSLContext | None = None
        """Made of the trust's authorities when they are first needed."""
        self.idle: deque[UpstreamConnection] = deque()
        self.open: set[UpstreamConnection] = set()
        self.opening = 0
        self.made = 0
        """How many attempts to connect there were; they take the addresses of a name in turn."""
        self._waiting: deque[asyncio.Future[UpstreamConnection | None]] = deque()

    @property
    def full(self) -> bool:
        """Whether there are as many connections as there may be."""
        return len(self.open) + self.opening >= self.limits.connections

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for a connection."""
        return bool(self._waiting)

    async def turn(self) -> UpstreamConnection | None:
        """Waits for a connection that others have done with, or, None, for room to make one."""
        turn: asyncio.Future[UpstreamConnection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if not turn.cancelled() and turn.done():  # it came in the very moment in which we gave up
                given = turn.result()
                if given is None or not self.hand(given):
                    self.room()
                    if given is not None:
                        given.abandon()
            raise

    def hand(self, connection: UpstreamConnection) -> bool:
        """Gives a connection to whoever has waited longest; False when nobody waits any more."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(connection)
                return True
        return False

    def room(self) -> None:
        """Lets the one who has waited longest make a connection, if there is room for one."""
        while self._waiting and not self.full:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    # -- of its connections (`Home`) ---------------------------------------------------------------------------

    def came(self, connection: UpstreamConnection) -> None:
        self.open.add(connection)

    def went(self, connection: UpstreamConnection) -> None:
        self.open.discard(connection)
        self.room()


class UpstreamPool:
    """The connections of one worker to all targets."""

    def __init__(
        self,
        guard: AddressGuard,
        deadlines: Deadlines,
        *,
        head_bytes: int = MAX_HEAD_BYTES,
        names: Names | None = None,
    ) -> None:
        """`head_bytes` bounds an answer's head; `names` resolves."""
        self._head_bytes = head_bytes
        self._guard = guard
        self._deadlines = deadlines
        self._known = KnownAnswers()
        self._names = names or Names()
        self._leases: WeakValueDictionary[_Key, Lease] = WeakValueDictionary()
        self._used: set[Lease] = set()
        """Those that have connections, or had some a moment ago."""
        self._tls = _client_context(None)

    def lease(self, service: Service, target: Target, owner: TenantId, *, trusted: bool) -> Lease:
        """Where connections to a service's target come from: the same as long as somebody holds it. Its limits are
        those of the service that was asked for last."""
        key = (owner, service.name, target.host, target.port, target.tls, trusted, service.trust)
        lease = self._leases.get(key)
        if lease is None:
            lease = Lease(target, owner, trusted=trusted, trust=service.trust)
            self._leases[key] = lease
        lease.limits = service.connections
        return lease

    def idle(self, lease: Lease, now: float) -> UpstreamConnection | None:
        """The connection that was used last, if one is alive and fresh."""
        connections = lease.idle
        while connections:
            connection = connections.pop()
            if connection.reusable and now - connection.idle_since < lease.limits.idle:
                return connection
            connection.abandon()
        return None

    async def connect(self, lease: Lease, timeout: float) -> UpstreamConnection:
        """A connection, as a rule a new one; raises Unreachable. `timeout` in seconds covers the wait for room, name
        look-up and handshakes."""
        busy = False
        self._used.add(lease)
        try:
            async with asyncio.timeout(timeout):
                while lease.full:
                    busy = True
                    given = await lease.turn()
                    if given is not None and given.reusable:
                        return given
                    busy = False
                lease.opening += 1
                try:
                    return await self._connect(lease)
                finally:
                    lease.opening -= 1
                    lease.room()
        except TimeoutError:
            why = "all connections to it are in use" if busy else "no connection in time"
            raise Unreachable(why, timed_out=True, busy=busy) from None
        except ssl.SSLCertVerificationError:
            raise Unreachable("its certificate is not trusted") from None
        except (OSError, UnicodeError):  # refused, no route, unknown or impossible name, failed TLS handshake
            raise Unreachable("cannot be reached") from None

    async def _connect(self, lease: Lease) -> UpstreamConnection:
        loop = asyncio.get_running_loop()
        found = await self._names.addresses(lease.host)
        permitted = [a for a in found if self._guard.permits(a, lease.port, trusted=lease.trusted)]
        if not permitted:
            raise Unreachable("its address is not allowed")
        first = lease.made % len(permitted)
        lease.made += 1
        failure: OSError = ConnectionRefusedError(lease.host)
        for address in (*permitted[first:], *permitted[:first]):
            try:
                _, connection = await loop.create_connection(
                    lambda: UpstreamConnection(self._deadlines, self._known, self._head_bytes, lease),
                    address,
                    lease.port,
                    ssl=self._context(lease) if lease.tls else None,
                    server_hostname=(lease.trust.server_name or lease.host) if lease.tls else None,
                )
            except OSError as exc:
                failure = exc
            else:
                connection.address = address
                return connection
        raise failure

    def _context(self, lease: Lease) -> ssl.SSLContext:
        if not lease.trust.ca_pem:
            return self._tls
        if lease.authorities is None:
            lease.authorities = _client_context(lease.trust.ca_pem)
        return lease.authorities

    def release(self, lease: Lease, connection: UpstreamConnection, now: float) -> None:
        """Takes a connection back after its exchange; keeps it if it may carry another one."""
        if not connection.reusable:
            connection.abandon()
            return
        connection.pooled = True
        if lease.wanted and lease.hand(connection):
            return
        connection.idle_since = now
        lease.idle.append(connection)

    def expire(self, now: float) -> None:
        """Closes what has been idle for too long, or leads to an address that its name has no more."""
        for lease in list(self._used):
            self._follow(lease)
            idle, most = lease.idle, lease.limits.idle
            while idle and (idle[0].closed or now - idle[0].idle_since >= most):
                idle.popleft().abandon()
            if not lease.open and not lease.opening:
                self._used.discard(lease)
        self._names.forget(now)

    def _follow(self, lease: Lease) -> None:
        """Parts from connections to addresses that the target's name does not have any more, once they are idle."""
        addresses = () if is_address(lease.host) else self._names.known(lease.host)
        for connection in lease.open if addresses else ():
            if connection.address and connection.address not in addresses:
                connection.retire()

    async def run(self) -> None:
        """Expires idle connections until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.expire(loop.time())

    def close(self) -> None:
        """Closes all idle connections."""
        self._names.close()
        for lease in self._used:
            for connection in lease.idle:
                connection.abandon()
            lease.idle.clear()
        self._used.clear()


def _client_context(ca_pem: str | None) -> ssl.SSLContext:
    """Verifies certificates and names, by these authorities alone or else by the system's; TLS 1.2 at least."""
    context = ssl.create_default_context(cadata=ca_pem)
    with suppress(NotImplementedError):
        context.set_alpn_protocols(["http/1.1"])
    return context
