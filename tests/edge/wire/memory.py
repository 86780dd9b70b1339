"""The real edge on transports of memory: connection, gate, journey, exchange and pool, without a socket or a clock.

Time passes when a test says so.
"""

import asyncio
from collections.abc import Callable, Sequence
from copy import copy
from itertools import zip_longest

from penstock.errors.v1 import error_reason_pb2 as reasons
from penstock.telemetry.v1.record_pb2 import RequestRecord
from structlog.testing import capture_logs

from domain.tenants import DEFAULT_TENANT
from edge.client import ClientConnection, ClientLimits, hosted_by
from edge.deadlines import Deadlines
from edge.forwarding import Forwarder
from edge.http.forwarded import TrustedProxies
from edge.http.head import Head
from edge.inbound import InboundRequest
from edge.journey import Journey
from edge.limits.decision import Decision
from edge.limits.policy import LimitSet
from edge.principal import Credential, Principal, Rejection
from edge.problems import Refusal
from edge.routing import Router
from edge.snapshot import GatewaySnapshot, Rules, TenantStatus, TenantView
from edge.tally import Tally
from edge.target_records import TargetRecords
from edge.upstream.fleet import Fleets
from edge.visit import Visit, record_octets
from tests.edge.plane import admitted, route
from tests.edge.wire.trace import Trace
from tests.edge.wire.transport import Memory
from tests.edge.wire.upstream import Pool

QUIET_TURNS = 6
"""Turns of the loop without an octet written or a visit ended, after which nothing is under way any more."""
HOUR = 3600.0


class _Services:
    """Everything goes to one upstream: no credential is known, no limit reached, no endpoint built in."""

    def __init__(self, snapshot: GatewaySnapshot) -> None:
        self.snapshot = snapshot

    def cached(self, _credential: Credential, _now: float) -> Principal | Rejection | None:
        return None

    def unproven(self, _credential: Credential) -> bool:
        return False

    async def authenticate(self, _credential: Credential, *, fresh: bool = False) -> Principal | Rejection:
        return Rejection(reasons.ERROR_REASON_KEY_INVALID)

    async def check(self, limits: LimitSet, cost: int = 1) -> Decision:
        return admitted(limits)

    def serves(self, _path: str) -> bool:
        return False

    async def answer(self, visit: Visit, head: Head, client: ClientConnection) -> bool | Refusal:
        raise NotImplementedError


class _Host:
    """The worker of one connection."""

    draining = False
    tls_lines: tuple[bytes, ...] = ()
    proxies = TrustedProxies()

    def __init__(self, limits: ClientLimits, deadlines: Deadlines) -> None:
        self.limits = limits
        self.deadlines = deadlines
        self.now: Callable[[], float] = lambda: 1_700_000_000.0
        self.journey: Journey

    async def answer(self, request: InboundRequest, client: ClientConnection) -> bool:
        return await self.journey.answer(request, client)


class _ServerState:
    """What uvicorn's server keeps."""

    def __init__(self) -> None:
        self.connections: set[object] = set()
        self.tasks: set[asyncio.Task[None]] = set()


def snapshot() -> GatewaySnapshot:
    """A config whose only route takes every path."""
    rules = Rules(DEFAULT_TENANT, 7, Router((route(1, prefix="/"),)))
    view = TenantView(DEFAULT_TENANT, "default0", "default", TenantStatus.ACTIVE, rules)
    return GatewaySnapshot(1, {DEFAULT_TENANT: view}, {}, {"default0": view})


class _Run:
    """Many connections at once, each with a worker, a pool and upstreams of its own, so that nothing is mixed up."""

    def __init__(self, *, eager: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self._eager = eager
        self._moved: list[None] = []
        self._deadlines = Deadlines()
        self._limits = ClientLimits()
        self._services = _Services(snapshot())
        self._state = _ServerState()
        self._protocol = hosted_by(_Host(self._limits, self._deadlines))

    def connect(self, trace: Trace) -> Memory:
        """The client's end of a new connection."""
        services, moved = self._services, self._moved
        host = _Host(self._limits, self._deadlines)
        pool = Pool(trace, self._deadlines, moved, eager=self._eager)
        fleets = Fleets(pool, TargetRecords(Tally(), lambda _snapshot: None), self._loop.time)
        forwarder = Forwarder(pool, self._deadlines, self._loop, fleets=fleets)

        def record(visit: Visit) -> None:
            moved.append(None)
            trace.visits.append(copy(visit))  # the edge uses it again
            trace.records.append(RequestRecord.FromString(record_octets(visit, DEFAULT_TENANT, 0.0)))

        host.journey = Journey(services, services, services, forwarder, services, record, lambda: False)
        connection = self._protocol(None, self._state, None, self._loop)
        connection.host = host
        client = Memory(self._loop, trace.got.extend, trace.end, moved)
        client.protocol = connection
        connection.connection_made(client)
        return client

    async def settle(self) -> None:
        """Returns once nothing moves any more."""
        quiet = 0
        while quiet < QUIET_TURNS:
            before = len(self._moved)
            await asyncio.sleep(0)
            quiet = quiet + 1 if len(self._moved) == before else 0

    async def end(self) -> None:
        """Lets so much time pass that every deadline is over, those that the first ones set as well."""
        for hours in (1, 2, 3):
            self._deadlines.sweep(self._loop.time() + hours * HOUR)
            await self.settle()

    async def stop(self) -> None:
        """Ends what has not ended by itself."""
        for task in self._state.tasks:
            task.cancel()
        await asyncio.gather(*self._state.tasks, return_exceptions=True)


async def run(sendings: Sequence[Sequence[bytes]], *, eager: bool = False) -> list[Trace]:
    """Runs one connection for each sending, whose pieces arrive one after another, each when all before is settled.
    `eager`: the upstream answers before it has read the body."""
    with capture_logs() as logs:
        running = _Run(eager=eager)
        traces = [Trace(b"".join(pieces)) for pieces in sendings]
        clients = [running.connect(trace) for trace in traces]
        for pieces in zip_longest(*sendings, fillvalue=b""):
            for client, piece in zip(clients, pieces, strict=True):
                if piece:
                    client.deliver(piece)
            await running.settle()
        await running.end()
        await running.stop()
    assert [line for line in logs if line["log_level"] == "error"] == []
    return traces
