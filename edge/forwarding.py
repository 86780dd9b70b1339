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
from edge.http.head import Head
from edge.http.outbound import identity_lines, request_head
from edge.principal import Principal
from edge.problems import Refusal
from edge.routing import Route, Service, Target
from edge.snapshot import TenantView
from edge.story import in_task
from edge.upstream.connection import UpstreamConnection
from edge.upstream.pool import Lease, Unreachable, UpstreamPool
from edge.visit import Visit

IDEMPOTENT = frozenset(("GET", "HEAD", "PUT", "DELETE", "OPTIONS"))
IDENTITIES = 10_000
"""Remembered identity lines; some 500 octets each."""
DEFAULT_MAX_BODY_BYTES = 10 * 1024 * 1024


class Forwarder:
    """Sends requests on. One per worker."""

    def __init__(self, pool: UpstreamPool, deadlines: Deadlines, loop: asyncio.AbstractEventLoop) -> None:
        self._pool = pool
        self._deadlines = deadlines
        self._loop = loop
        self._identities: dict[TenantId, tuple[TenantView, dict[int, tuple[bytes, Principal | None]]]] = {}
        self._remembered = 0
        self._turns: defaultdict[tuple[TenantId, str], int] = defaultdict(int)

    async def forward(
        self, visit: Visit, head: Head, route: Route, governing: TenantView, client: ClientConnection
    ) -> Outcome | Refusal:
        """Sends the request and pumps the answer; a Refusal when nothing was sent."""
        most = DEFAULT_MAX_BODY_BYTES if route.max_body_bytes is None else route.max_body_bytes
        if head.block.content_length > most:
            return Refusal(reasons.ERROR_REASON_BODY_TOO_LARGE, f"the body is larger than {most} octets")
        owner = governing.rules.tenant  # whoever named the target, not whoever acts
        target = self._choose(owner, route.service)
        lease = Lease.of(target, owner, trusted=owner == DEFAULT_TENANT or governing.targets_allow)
        octets = request_head(
            head,
            route,
            authority=target.name.encode(),
            request_id=visit.request_id.encode(),
            client_address=client.address.encode(),
            scheme=b"https" if client.tls else b"http",
            identity=self._identity(visit.tenant or governing, visit.principal),
        )
        visit.upstream = target.name
        connection = self._pool.idle(lease, self._loop.time())
        own_cors = governing.rules.cors is not None
        outcome = await self._attempt(visit, head, route, lease, octets, most, own_cors, connection, client)
        if outcome.unsent and head.method in IDEMPOTENT and not head.has_body:
            # the server had closed the idle connection while our request was on its way
            outcome = await self._attempt(visit, head, route, lease, octets, most, own_cors, None, client)
        return outcome

    async def _attempt(
        self,
        visit: Visit,
        head: Head,
        route: Route,
        lease: Lease,
        octets: bytes,
        most: int,
        own_cors: bool,
        connection: UpstreamConnection | None,
        client: ClientConnection,
    ) -> Outcome:
        if connection is None:
            try:
                connection = await in_task(self._pool.connect(lease, route.timeouts.connect))
            except Unreachable as error:
                if error.timed_out:
                    return Outcome(failure=reasons.ERROR_REASON_DOWNSTREAM_TIMEOUT, stage="connect")
                return Outcome(failure=reasons.ERROR_REASON_DOWNSTREAM_UNREACHABLE, stage="connect")
        if client.closed:
            self._pool.release(lease, connection, self._loop.time())
            return Outcome(client_gone=True, stage="connect")
        sent_at = time.perf_counter()
        exchange = Exchange(
            client,
            visit.request,
            connection,
            head,
            added=b"".join(visit.lines),
            timeouts=route.timeouts,
            max_body_bytes=most,
            own_cors=own_cors,
            loop=self._loop,
            ended=client.answered,
        )
        client.exchange = exchange
        self._deadlines.hasten(connection)
        connection.begin(exchange, octets)
        client.resume_reading()
        visit.request.attach(exchange)  # may pause the reading again
        if not client.writable:
            exchange.client_blocked()
        if exchange.outcome is None:
            await client.answered
        client.exchange = None
        outcome = exchange.outcome
        assert outcome is not None
        if exchange.answered_at:
            visit.upstream_seconds = exchange.answered_at - sent_at
        visit.response_bytes = exchange.sent_bytes
        self._pool.release(lease, connection, self._loop.time())
        return outcome

    def _identity(self, tenant: TenantView, principal: Principal | None) -> bytes:
        """The identity lines, remembered because all requests of a caller share them. Of a tenant one state only:
        an old one would keep its whole config alive."""
        of_tenant = self._identities.get(tenant.id)
        if of_tenant is None or of_tenant[0] is not tenant:
            of_tenant = self._identities[tenant.id] = (tenant, {})
        known = of_tenant[1].get(id(principal))
        if known is None:
            self._remembered += 1
            if self._remembered > IDENTITIES:
                self._identities.clear()
                self._remembered = 1
                of_tenant = self._identities[tenant.id] = (tenant, {})
            # the principal stays referenced, so that no other one can come to have its id
            known = of_tenant[1][id(principal)] = (identity_lines(tenant, principal), principal)
        return known[0]

    def _choose(self, owner: TenantId, service: Service) -> Target:
        """Takes the targets in turn, each as often as its weight says."""
        if len(service.targets) == 1:
            return service.targets[0]
        key = (owner, service.name)
        turn = self._turns[key]
        self._turns[key] = turn + 1
        return service.at_turn(turn)
