"""Takes an admitted request to its upstream and its answer back: target, connection, exchange, one more attempt
when an idle connection turned out to be closed.
"""

import asyncio
import time
from collections import defaultdict

from penstock.errors.v1 import error_reason_pb2 as reasons

from domain.tenants import DEFAULT_TENANT, TenantId
from edge.client import ClientConnection
from edge.deadlines import Deadlines
from edge.exchange import Exchange, Outcome
from edge.http.answer import WITHHELD
from edge.http.head import Head
from edge.http.origin import Origin
from edge.http.outbound import identity_lines, request_fields, request_head
from edge.http.trace import started
from edge.principal import Principal
from edge.problems import Refusal
from edge.repeat import Repeat
from edge.routing import Route, Target, Timeouts
from edge.sampling import ALL, Share
from edge.snapshot import TenantView
from edge.standing import Standing, Way
from edge.story import in_task
from edge.upstream.connection import UpstreamConnection
from edge.upstream.pool import Lease, Unreachable, UpstreamPool
from edge.visit import Visit

IDEMPOTENT = frozenset(("GET", "HEAD", "PUT", "DELETE", "OPTIONS"))
DEFAULT_MAX_BODY_BYTES = 10 * 1024 * 1024
NO_TARGET = Refusal(reasons.ERROR_REASON_DOWNSTREAM_UNAVAILABLE, "the service has no target at this gateway")


class Forwarder:
    """Sends requests on. One per worker."""

    def __init__(
        self,
        pool: UpstreamPool,
        deadlines: Deadlines,
        loop: asyncio.AbstractEventLoop,
        *,
        traces: Share = ALL,
        max_body_bytes: int = DEFAULT_MAX_BODY_BYTES,
    ) -> None:
        """`traces`: those that start here and are to be recorded by whoever takes part in them; `max_body_bytes`: of
        requests whose route says nothing else."""
        self._max_body_bytes = max_body_bytes
        self.pool = pool
        self._deadlines = deadlines
        self.loop = loop
        self.traces = traces
        self._turns: defaultdict[tuple[TenantId, str], int] = defaultdict(int)

    async def forward(
        self,
        visit: Visit,
        head: Head,
        route: Route,
        standing: Standing,
        governing: TenantView,
        client: ClientConnection,
    ) -> Outcome | Refusal:
        """Sends the request and pumps the answer; a Refusal when nothing was sent."""
        if not route.service.targets:
            return NO_TARGET
        tenant, principal, way = visit.tenant or governing, visit.principal, standing.way
        if way is None or way.route is not route or way.tenant is not tenant or way.principal is not principal:
            way = standing.way = self._way(
                head, route, tenant, principal, governing, visit.origin, own_hsts=bool(client.lines)
            )
        if head.block.content_length > way.max_body_bytes:
            return Refusal(reasons.ERROR_REASON_BODY_TOO_LARGE, f"the body is larger than {way.max_body_bytes} octets")
        lease = self.lease(way)
        timeouts, patience = route.timeouts, visit.origin.patience
        if patience is not None:
            timeouts = timeouts.within(patience - (time.perf_counter() - visit.request.started_at))
        octets = request_head(
            head,
            route,
            way.fields,
            timeouts.line,
            visit.request_id_octets,
            b"" if head.block.trace_id else started(visit.id, self.traces),
            way.identity,
        )
        visit.upstream = lease.name
        connection = self.pool.idle(lease, self.loop.time())
        return await self._sent(visit, head, way, lease, timeouts, connection, octets, client)

    async def resume(self, repeat: Repeat, client: ClientConnection) -> Outcome:
        """Ends the exchange of a request that was sent the short way; sends the request once more if need be."""
        visit, head, route = repeat.visit, repeat.head, repeat.way.route
        outcome = self._ended(repeat, visit, repeat.lease, repeat.sent_at)
        if not outcome.unsent or head.method not in IDEMPOTENT:
            return outcome
        return await self._sent(visit, head, repeat.way, repeat.lease, route.timeouts, None, repeat.octets, client)

    async def _sent(
        self,
        visit: Visit,
        head: Head,
        way: Way,
        lease: Lease,
        timeouts: Timeouts,
        connection: UpstreamConnection | None,
        octets: bytes,
        client: ClientConnection,
    ) -> Outcome:
        while True:
            if connection is None:
                try:
                    connection = await in_task(self.pool.connect(lease, timeouts.connect))
                except Unreachable as error:
                    return _unreachable(error, client)
            if client.closed:
                self.pool.release(lease, connection, self.loop.time())
                return Outcome(client_gone=True, stage="connect")
            sent_at = time.perf_counter()
            exchange = self._begin(visit, head, way, timeouts, connection, octets, client)
            if exchange.outcome is None:
                await client.answered
            client.exchange = None
            outcome = self._ended(exchange, visit, lease, sent_at)
            if not outcome.unsent or head.method not in IDEMPOTENT or head.has_body:
                return outcome
            connection = None  # the server had closed the idle one while our request was on its way

    def _begin(
        self,
        visit: Visit,
        head: Head,
        way: Way,
        timeouts: Timeouts,
        connection: UpstreamConnection,
        octets: bytes,
        client: ClientConnection,
    ) -> Exchange:
        request = visit.request
        exchange = Exchange(client, request, head, way, timeouts, self.loop)
        exchange.run_on(connection, b"".join(visit.lines))
        if head.expects_continue and not request.body_bytes:
            client.write_interim()  # now that nothing but the upstream can refuse it (RFC 9110 §10.1.1)
        client.exchange = exchange
        connection.hasten()
        client.resume_reading()
        connection.begin(exchange, octets)  # may pause the reading again
        request.attach(exchange)
        if not client.writable:
            exchange.client_blocked()
        return exchange

    def _ended(self, exchange: Exchange, visit: Visit, lease: Lease, sent_at: float) -> Outcome:
        if exchange.answered_at:
            visit.upstream_seconds = exchange.answered_at - sent_at
        visit.response_bytes = exchange.sent_bytes
        self.pool.release(lease, exchange.connection, self.loop.time())
        return exchange.outcome or Outcome(client_gone=True)

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
        targets = route.service.targets
        return Way(
            route,
            tenant,
            principal,
            governing,
            request_fields(head, route, targets[0].name.encode(), origin),
            identity_lines(tenant, principal),
            self._max_body_bytes if route.max_body_bytes is None else route.max_body_bytes,
            WITHHELD[route.cors is not None, tenant.rules.limits.legacy_headers, own_hsts],
            _lease(targets[0], governing) if len(targets) == 1 else None,
        )

    def lease(self, way: Way) -> Lease:
        """Takes the targets of a way in turn, each as often as its weight says."""
        if way.lease is not None:
            return way.lease
        governing, service = way.governing, way.route.service
        key = (governing.rules.tenant, service.name)
        turn = self._turns[key]
        self._turns[key] = turn + 1
        return _lease(service.at_turn(turn), governing)


def _unreachable(error: Unreachable, client: ClientConnection) -> Outcome:
    if client.closed:
        return Outcome(client_gone=True, stage="connect")
    if error.timed_out:
        return Outcome(failure=reasons.ERROR_REASON_DOWNSTREAM_TIMEOUT, stage="connect")
    return Outcome(failure=reasons.ERROR_REASON_DOWNSTREAM_UNREACHABLE, stage="connect")


def _lease(target: Target, governing: TenantView) -> Lease:
    """The owner is whoever named the target, not whoever acts."""
    owner = governing.rules.tenant
    return Lease.of(target, owner, trusted=owner == DEFAULT_TENANT or governing.targets_allow)
