"""Takes an admitted request to its upstream and its answer back: target, connection, exchange, and other attempts where
they are safe and wanted.
"""

import asyncio
import time

from penstock.errors.v1 import error_reason_pb2 as reasons

from edge.client import ClientConnection
from edge.deadlines import Deadlines
from edge.exchange import Exchange, Judge, Outcome
from edge.http.answer import WITHHELD
from edge.http.head import Head
from edge.http.origin import Origin
from edge.http.outbound import identity_lines, request_fields, request_head
from edge.http.trace import started
from edge.principal import Principal
from edge.problems import Refusal
from edge.repeat import Repeat
from edge.resilience import Policy
from edge.routing import Route, Timeouts
from edge.sampling import ALL, Share
from edge.snapshot import TenantView
from edge.standing import Standing, Way
from edge.story import in_task
from edge.upstream.balance import key_of
from edge.upstream.connection import UpstreamConnection
from edge.upstream.errand import Errand
from edge.upstream.fleet import Fleets, is_trusted
from edge.upstream.pool import Lease, Unreachable, UpstreamPool
from edge.upstream.retries import IDEMPOTENT, REPLAYED_BYTES
from edge.visit import Visit
from edge.websocket.handshake import UPGRADE_LINES
from edge.websocket.opening import Opening, Permit

DEFAULT_MAX_BODY_BYTES = 10 * 1024 * 1024
NO_TARGET = Refusal(reasons.ERROR_REASON_DOWNSTREAM_UNAVAILABLE, "the service has no target at this gateway")


class Sending:
    """One request that is being sent: what all its attempts share."""

    __slots__ = ("client", "errand", "head", "lease", "octets", "permit", "timeouts", "visit", "way")

    def __init__(
        self,
        visit: Visit,
        head: Head,
        way: Way,
        lease: Lease,
        errand: Errand | None,
        timeouts: Timeouts,
        octets: bytes,
        client: ClientConnection,
        permit: Permit | None = None,
    ) -> None:
        """With a `permit` it asks for a WebSocket."""
        self.permit = permit
        self.visit, self.head, self.way = visit, head, way
        self.lease, self.errand = lease, errand
        self.timeouts, self.octets, self.client = timeouts, octets, client


class Forwarder:
    """Sends requests on. One per worker."""

    def __init__(
        self,
        pool: UpstreamPool,
        deadlines: Deadlines,
        loop: asyncio.AbstractEventLoop,
        *,
        fleets: Fleets,
        traces: Share = ALL,
        max_body_bytes: int = DEFAULT_MAX_BODY_BYTES,
    ) -> None:
        """`fleets` know the targets; `traces`: those that start here and are to be recorded by whoever takes part in
        them; `max_body_bytes`: of requests whose route says nothing else."""
        self._max_body_bytes = max_body_bytes
        self.pool = pool
        self._fleets = fleets
        self._deadlines = deadlines
        self.loop = loop
        self.traces = traces

    async def forward(
        self,
        visit: Visit,
        head: Head,
        route: Route,
        standing: Standing,
        governing: TenantView,
        client: ClientConnection,
        permit: Permit | None = None,
    ) -> Outcome | Refusal:
        """Sends the request and pumps the answer; a Refusal when nothing was sent. With a `permit` it asks for a
        WebSocket, and the outcome is there once that has ended."""
        if not route.service.targets:
            return NO_TARGET
        tenant, principal, way = visit.tenant or governing, visit.principal, standing.way
        if way is None or way.route is not route or way.tenant is not tenant or way.principal is not principal:
            way = standing.way = self._way(
                head, route, tenant, principal, governing, visit.origin, own_hsts=bool(client.lines)
            )
        if head.block.content_length > way.max_body_bytes:
            return Refusal(reasons.ERROR_REASON_BODY_TOO_LARGE, f"the body is larger than {way.max_body_bytes} octets")
        timeouts, patience = route.timeouts, visit.origin.patience
        if patience is not None:
            timeouts = timeouts.within(patience - (time.perf_counter() - visit.request.started_at))
        lease, errand, now = way.lease, None, self.loop.time()
        if lease is None:
            errand = self._errand(visit, head, way, timeouts, now)
            if errand is None:
                return self._none_in_use(way, now)
            lease = errand.lease
        octets = request_head(
            head,
            route,
            way.fields,
            timeouts.line,
            visit.request_id_octets,
            (b"" if head.block.trace_id else started(visit.id, self.traces)) + (UPGRADE_LINES if permit else b""),
            way.identity,
        )
        sending = Sending(visit, head, way, lease, errand, timeouts, octets, client, permit)
        visit.upstream = lease.name
        return await self._sent(sending, self.pool.idle(lease, now))

    async def resume(self, repeat: Repeat, client: ClientConnection) -> Outcome:
        """Ends the exchange of a request that was sent the short way; sends the request again if need be."""
        visit, head, way = repeat.visit, repeat.head, repeat.way
        sending = Sending(visit, head, way, repeat.lease, repeat.errand, way.route.timeouts, repeat.octets, client)
        outcome = self._ended(repeat, sending, repeat.sent_at)
        if outcome.unsent and head.method in IDEMPOTENT:
            return await self._sent(sending, None)
        return await self._once_more(sending, outcome)

    async def _sent(self, sending: Sending, connection: UpstreamConnection | None) -> Outcome:
        head, client = sending.head, sending.client
        while True:
            if connection is None:
                try:
                    connection = await in_task(self.pool.connect(sending.lease, sending.timeouts.connect))
                except Unreachable as error:
                    return await self._once_more(sending, self._unconnected(sending, error))
            if client.closed:
                self.pool.release(sending.lease, connection, self.loop.time())
                if sending.errand is not None:
                    sending.errand.give_back()
                return Outcome(client_gone=True, stage="connect")
            sent_at = time.perf_counter()
            exchange = self._begin(sending, connection)
            if exchange.outcome is None:
                await client.answered
            client.exchange = None
            outcome = self._ended(exchange, sending, sent_at)
            if not outcome.unsent or head.method not in IDEMPOTENT or head.has_body:
                return await self._once_more(sending, outcome)
            connection = None  # the server had closed the idle one while our request was on its way

    async def _once_more(self, sending: Sending, outcome: Outcome) -> Outcome:
        """The outcome of an attempt, or of those after it where the request is sent again."""
        errand = sending.errand
        if errand is None or (outcome.failure is None and not outcome.spared):
            return outcome
        now, client = self.loop.time(), sending.client
        if client.closed or not errand.again(outcome, client.answering, sending.visit.request.replayable, now):
            return Outcome(failure=reasons.ERROR_REASON_DOWNSTREAM_UNAVAILABLE) if outcome.spared else outcome
        sending.lease = errand.lease
        sending.visit.upstream = errand.lease.name
        sending.timeouts = sending.way.route.timeouts.within(errand.seconds_left(now))
        return await self._sent(sending, self.pool.idle(errand.lease, now))

    def _begin(self, sending: Sending, connection: UpstreamConnection) -> Exchange:
        visit, head, client = sending.visit, sending.head, sending.client
        request = visit.request
        if sending.permit is None:
            exchange = Exchange(client, request, head, sending.way, sending.timeouts, self.loop)
        else:
            exchange = Opening(sending.permit, client, request, head, sending.way, sending.timeouts, self.loop)
        if sending.errand is not None:
            exchange.judge = self._judge(sending.errand)
        exchange.run_on(connection, b"".join(visit.lines))
        if head.expects_continue and not request.body_bytes:
            client.write_interim()  # now that nothing but the upstream can refuse it (RFC 9110 §10.1.1)
        client.exchange = exchange
        connection.hasten()
        client.resume_reading()
        connection.begin(exchange, sending.octets)  # may pause the reading again
        request.attach(exchange)
        if not client.writable:
            exchange.client_blocked()
        return exchange

    def _judge(self, errand: Errand) -> Judge:
        return lambda status, answering, replayable: errand.heard(status, answering, replayable, self.loop.time())

    def _ended(self, exchange: Exchange, sending: Sending, sent_at: float) -> Outcome:
        """The outcome of an exchange that is over. Its target stays taken where the request goes to it again."""
        visit, now = sending.visit, self.loop.time()
        if exchange.answered_at:
            visit.upstream_seconds = exchange.answered_at - sent_at
        visit.response_bytes = exchange.sent_bytes
        self.pool.release(sending.lease, exchange.connection, now)
        outcome = exchange.outcome or Outcome(client_gone=True)
        again = outcome.unsent and sending.head.method in IDEMPOTENT and not sending.head.has_body
        if sending.errand is not None and not again:
            sending.errand.ended(outcome, now)
        return outcome

    def _unconnected(self, sending: Sending, error: Unreachable) -> Outcome:
        outcome = _unreachable(error, sending.client)
        if sending.errand is not None:
            sending.errand.ended(outcome, self.loop.time())
        return outcome

    def _errand(self, visit: Visit, head: Head, way: Way, timeouts: Timeouts, now: float) -> Errand | None:
        """The way to one of the service's targets; None when none is in use."""
        if way.fleet is None:
            return None
        errand = Errand(way.fleet, head, way.key)
        hurried = visit.origin.patience is not None
        if not errand.begin(now, timeouts.connect + timeouts.response, hurried=hurried):
            return None
        if way.fleet.service.retries is not None and head.method in IDEMPOTENT and head.has_body:
            visit.request.keep(REPLAYED_BYTES)
        return errand

    def _none_in_use(self, way: Way, now: float) -> Refusal:
        seconds = 1 if way.fleet is None else way.fleet.wait_seconds(now)
        return Refusal(
            reasons.ERROR_REASON_DOWNSTREAM_UNAVAILABLE,
            "no target of the service is in use now",
            fields=((b"Retry-After", b"%d" % seconds),),
        )

    def _way(
        self,
        head: Head,
        route: Route,
        tenant: TenantView,
        principal: Principal | None,
        governing: TenantView,
        origin: Origin,
        *,
        own_hsts: bool,
    ) -> Way:
        service, lease, fleet = route.service, None, None
        if service.plain:
            lease = self.pool.lease(service, service.targets[0], governing.rules.tenant, trusted=is_trusted(governing))
        else:
            fleet = self._fleets.of(governing, service)
        return Way(
            route,
            tenant,
            principal,
            governing,
            request_fields(head, route, service.targets[0].name.encode(), origin),
            identity_lines(tenant, principal),
            self._max_body_bytes if route.max_body_bytes is None else route.max_body_bytes,
            WITHHELD[route.cors is not None, tenant.rules.limits.legacy_headers, own_hsts],
            lease,
            fleet,
            _hash_key(route, head, origin),
        )


def _hash_key(route: Route, head: Head, origin: Origin) -> int | None:
    """What the service's hash goes by; None where it does not hash, or has nothing to."""
    balance = route.service.balance
    if balance.policy is not Policy.HASH:
        return None
    value = head.block.by_name().get(balance.hash_header) if balance.hash_header else origin.address.encode()
    return key_of(value) if value else None


def _unreachable(error: Unreachable, client: ClientConnection) -> Outcome:
    if client.closed:
        return Outcome(client_gone=True, stage="connect")
    if error.busy:
        return Outcome(failure=reasons.ERROR_REASON_DOWNSTREAM_UNAVAILABLE, stage="connect")
    if error.timed_out:
        return Outcome(failure=reasons.ERROR_REASON_DOWNSTREAM_TIMEOUT, stage="connect")
    return Outcome(failure=reasons.ERROR_REASON_DOWNSTREAM_UNREACHABLE, stage="connect")
