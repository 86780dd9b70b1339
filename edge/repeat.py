"""The short way of a request that repeats the one before it on its connection: same head, same config, same caller.

Clients repeat themselves, and most answers come in one piece. All that such a request still needs is an id, the word
that its credential still holds, a decision of its limits, an idle connection to its upstream, and a record. It takes no
coroutine, and uses the objects of the request before it again.

Nothing is judged or answered here that the long way would judge or answer otherwise: whatever is not as expected sends
the request there. Before it was sent it begins in `Journey` with what was found out so far; afterwards an exchange that
ends otherwise than with an answer in one piece is brought to its end there.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from edge.exchange import Client, Exchange, Outcome
from edge.http.head import Head
from edge.http.outbound import before_request_id
from edge.http.trace import started
from edge.inbound import InboundRequest
from edge.limits.decision import Decision
from edge.limits.headers import limit_lines
from edge.limits.limiter import LimitUnavailable
from edge.limits.policy import LimitSet
from edge.principal import Credential, Principal, Rejection
from edge.request_id import RequestIds
from edge.sampling import Share
from edge.snapshot import GatewaySnapshot
from edge.standing import Way
from edge.story import Story
from edge.upstream.connection import UpstreamConnection
from edge.upstream.errand import Errand
from edge.upstream.pool import Lease, UpstreamPool
from edge.visit import Visit


class Config(Protocol):
    """Where the present config is found."""

    @property
    def snapshot(self) -> GatewaySnapshot: ...


class Authentication(Protocol):
    """Who proves principals."""

    def cached(self, credential: Credential, now: float) -> Principal | Rejection | None: ...
    def unproven(self, credential: Credential) -> bool: ...
    async def authenticate(self, credential: Credential, *, fresh: bool = False) -> Principal | Rejection: ...


class Limiting(Protocol):
    """Who decides limits. A cost of 0 asks without counting."""

    async def check(self, limits: LimitSet, cost: int = 1) -> Decision: ...


class RepeatingClient(Client, Protocol):
    """The client's side, as a repeat needs it."""

    closed: bool

    def take_up(self, repeat: "Repeat | Undecided") -> None:
        """Has the repeat stand for the client's exchange."""

    def go_on(self, repeat: "Repeat") -> None:
        """Takes the repeat's request up where it stands, before any other; there are no more repeats."""

    def repeated(self) -> None:
        """Goes on after the repeat's request, which has been answered."""


@dataclass(frozen=True, slots=True)
class Means:
    """What the repeats of a worker share."""

    config: Config
    authentication: Authentication
    limiter: Limiting
    pool: UpstreamPool
    loop: asyncio.AbstractEventLoop
    ids: RequestIds
    traces: Share
    record: Callable[[Visit], None]
    draining: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Ground:
    """What the request to be repeated was admitted by. `lines` are those of its answer that belong to its connection
    and its Origin, `until` (seconds since 1970) is when its tenant's subscription ends."""

    snapshot: GatewaySnapshot
    credential: Credential | None
    limits: LimitSet | None
    lines: tuple[bytes, ...]
    until: float


class Repeat(Exchange):
    """The exchange of one request after the other; belongs to a client's connection. Has an `outcome` once one of them
    is to be ended the long way; `sent` tells whether it has been sent at all."""

    sent = False
    sent_at = 0.0
    octets = b""
    lease: Lease
    errand: Errand | None = None
    """Where the target is one of several, or is watched."""

    def __init__(
        self, means: Means, ground: Ground, client: RepeatingClient, visit: Visit, head: Head, way: Way
    ) -> None:
        """`visit` is that of the request to be repeated, answered on `way` and recorded: it is used again."""
        super().__init__(client, visit.request, head, way, way.route.timeouts, means.loop)
        self._means, self._ground = means, ground
        self._repeating = client
        self.visit, self.head, self.way = visit, head, way
        self._undecided = Undecided(visit.request)
        self._before_id = before_request_id(head, way.route, way.fields, way.route.timeouts.line)
        if way.fleet is not None:
            self.errand = Errand(way.fleet, head, way.key)
            self.judge = self._heard

    def begin(self, head: Head, started_at: float, started_time: float) -> bool:
        """Takes a request with this head, which has come now; False when it must go the long way."""
        means, ground = self._means, self._ground
        if (
            head is not self.head
            or means.config.snapshot is not ground.snapshot
            or started_time >= ground.until
            or means.draining()
            or not self._client.writable
        ):
            return False
        credential = ground.credential
        if credential is not None and means.authentication.cached(credential, started_time) is not self.way.principal:
            return False
        limits, connection = ground.limits, None
        if limits is None and (connection := self._idle()) is None:
            return False
        visit, request = self.visit, self.visit.request
        request.started_at, request.started_time, request.keep_alive = started_at, started_time, True
        visit.renew(means.ids.identity(head.read.get(b"x-request-id")))
        if connection is not None:
            self._send(connection)
        elif limits is not None:
            self.sent, visit.decision = False, None
            self._repeating.take_up(self._undecided)
            Story(self._decide(limits))
        return True

    async def _decide(self, limits: LimitSet) -> None:
        visit, client = self.visit, self._repeating
        try:
            visit.decision = await self._means.limiter.check(limits)
        except LimitUnavailable:  # says so again
            client.go_on(self)
            return
        unchanged = self._means.config.snapshot is self._ground.snapshot and client.writable and not client.closed
        connection = self._idle() if unchanged and visit.decision.allowed else None
        if connection is None:
            client.go_on(self)
            return
        self._send(connection)

    def _idle(self) -> UpstreamConnection | None:
        now, errand = self._loop.time(), self.errand
        if errand is None:
            lease = self.way.lease
            if lease is None:
                return None
            self.lease = lease
            return self._means.pool.idle(lease, now)
        if not errand.begin(now, self._timeouts.connect + self._timeouts.response):
            return None
        self.lease = errand.lease
        connection = self._means.pool.idle(self.lease, now)
        if connection is None:
            errand.give_back()
        return connection

    def _heard(self, status: int, answering: bool, replayable: bool) -> bool:
        errand = self.errand
        return errand is not None and errand.heard(status, answering, replayable, self._loop.time())

    def _send(self, connection: UpstreamConnection) -> None:
        visit, way = self.visit, self.way
        trace = b"" if self.head.block.trace_id else started(visit.id, self._means.traces)
        self.octets = b"%b%b\r\n%b%b\r\n" % (self._before_id, visit.request_id_octets, trace, way.identity)
        visit.upstream = self.lease.name
        self.sent = True
        self.sent_at = time.perf_counter()
        self._repeating.take_up(self)
        visit.lines += self._ground.lines
        if visit.decision is not None:
            visit.lines += limit_lines(visit.decision)
        self.run_on(connection, b"".join(visit.lines))
        connection.hasten()
        connection.begin(self, self.octets)

    def _finish(self, outcome: Outcome) -> None:
        if self.outcome is not None:
            return
        if outcome.whole and self._client.writable:
            visit = self.visit
            visit.upstream_seconds = self.answered_at - self.sent_at
            visit.response_bytes = self.sent_bytes
            visit.status = outcome.status
            now = self._loop.time()
            if self.errand is not None:
                self.errand.ended(outcome, now)
            self._means.pool.release(self.lease, self.connection, now)
            self._means.record(visit)
            self._repeating.repeated()
        else:
            self.outcome = outcome
            self._repeating.go_on(self)


class Undecided:
    """Stands for a repeat whose limits are being decided: nothing has been sent that could be given up."""

    http_11 = False

    def __init__(self, request: InboundRequest) -> None:
        self._request = request

    def close_after(self) -> None:
        self._request.keep_alive = False

    def client_gone(self) -> None: ...
    def client_blocked(self) -> None: ...
    def client_unblocked(self) -> None: ...
