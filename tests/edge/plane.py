"""A data plane for tests: real sockets and the real journey around chosen answers of the services.

`plane` serves on a port of loopback; `upstream` is a raw server whose every octet a test decides.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from penstock.errors.v1 import error_reason_pb2 as reasons
from penstock.telemetry.v1.record_pb2 import HealthSnapshot, RequestRecord

from domain.builtin_paths import PATHS
from domain.tenants import DEFAULT_TENANT
from edge.access_log import AccessLog
from edge.bridge import Bridge
from edge.builtin.access import DetailAccess
from edge.builtin.app import builtin_app
from edge.builtin.models import Readiness
from edge.client import ClientConnection, ClientLimits, hosted_by
from edge.deadlines import Deadlines
from edge.forwarding import Forwarder
from edge.http.forwarded import TrustedProxies
from edge.inbound import InboundRequest
from edge.journey import Journey
from edge.limits.decision import Decision, Source
from edge.limits.policy import LimitSet
from edge.limits.rules import LimitRules
from edge.principal import Credential, Principal, Rejection
from edge.records import Records
from edge.repeat import Limiting
from edge.routing import Auth, CorsRules, Route, Router, Service, Target, Timeouts
from edge.service_health import AskedServices
from edge.snapshot import GatewaySnapshot, Rules, TenantStatus, TenantView
from edge.tally import Tally
from edge.target_records import TargetRecords
from edge.upstream.connection import MAX_HEAD_BYTES
from edge.upstream.fleet import Fleets
from edge.upstream.guard import AddressGuard
from edge.upstream.pool import UpstreamPool
from edge.upstream.probe import Probe
from edge.visit import Visit
from edge.websocket.tunnels import Tunnels

DEADLINE = 10.0
DEFAULT_LIMITS = LimitRules()
READY = Readiness(status="ready", revision=1, feeds={})
NEAR = DetailAccess.of("", ["127.0.0.0/8"])
"""Who is told details, as the settings have it by default."""


@dataclass
class Answer:
    """What came back over a connection: status, fields by lower-case name, body."""

    status: int
    fields: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The catalogue's code of a refusal."""
        document = orjson.loads(self.body)
        assert self.fields["content-type"] == "application/problem+json"
        assert document["code"] == document["error"]
        assert document["request_id"] == self.fields["x-request-id"]
        assert document["status"] == self.status
        return str(document["code"])


class Connection:
    """A raw client's connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, *, head_only: bool = False) -> Answer:
        """Reads one answer by its framing."""
        async with asyncio.timeout(DEADLINE):
            status, fields = await self.head()
            if head_only or status in (204, 304) or status < 200:
                return Answer(status, fields, b"")
            if "content-length" in fields:
                return Answer(status, fields, await self.reader.readexactly(int(fields["content-length"])))
            if fields.get("transfer-encoding") == "chunked":
                return Answer(status, fields, await self._chunks())
            return Answer(status, fields, await self.reader.read())

    async def head(self) -> tuple[int, dict[str, str]]:
        octets = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = octets.decode("latin-1").split("\r\n")[:-2]
        return int(first.split(" ")[1]), {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}

    async def _chunks(self) -> bytes:
        parts = []
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            parts.append(await self.reader.readexactly(size))
            assert await self.reader.readexactly(2) == b"\r\n"
        assert await self.reader.readexactly(2) == b"\r\n"
        return b"".join(parts)

    async def ended(self) -> bytes:
        """Whatever still comes until the edge closes the connection."""
        async with asyncio.timeout(DEADLINE):
            try:
                return await self.reader.read()
            except ConnectionResetError:
                return b""

    def close(self) -> None:
        self.writer.close()


Script = Callable[["Served"], Awaitable[None]]


@dataclass
class Served:
    """One connection at the upstream."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    heads: list[bytes]

    async def head(self) -> bytes:
        """Reads and records one request's head."""
        octets = await self.reader.readuntil(b"\r\n\r\n")
        self.heads.append(octets)
        return octets

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()


@dataclass
class Upstream:
    """A raw upstream: what it was sent, how many connections it saw."""

    port: int = 0
    heads: list[bytes] = field(default_factory=list)
    connections: int = 0
    met: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once a connection to it has come."""
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once a connection to it has ended."""


@asynccontextmanager
async def upstream(script: Script) -> AsyncIterator[Upstream]:
    """Runs the script for each connection."""
    state = Upstream()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        state.connections += 1
        state.met.set()
        try:
            await script(Served(reader, writer, state.heads))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            state.gone.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()


def answering(octets: bytes, times: int = 1_000_000) -> Script:
    """A script that reads heads without bodies and sends these octets to each, so many times."""

    async def script(served: Served) -> None:
        for _ in range(times):
            await served.head()
            await served.send(octets)

    return script


def admitted(limits: LimitSet) -> Decision:
    """A request that fits."""
    return Decision(True, 0, 499, 120, 0, Source.REDIS, limits)


def refused(limits: LimitSet) -> Decision:
    """A request that fits in 1.5 s."""
    return Decision(False, 0, 0, 1_500, 1_500, Source.REDIS, limits)


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
DATED = OK.replace(b"Content", b"Date: Thu, 26 Nov 2026 00:00:00 GMT\r\nContent")
"""An answer that the edge adds nothing to, and that requests may be repeated for."""


def route(*ports: int, resilience: Mapping[str, Any] | None = None, **changes: object) -> Route:
    """A route of everything below /api to targets on loopback, without a credential unless told otherwise;
    `resilience` are fields of their service."""
    service = Service("sales", tuple(Target("127.0.0.1", port) for port in ports), **(resilience or {}))
    given: dict[str, object] = {"auth": Auth.NONE, "timeouts": Timeouts(), **changes}
    return Route("sales", str(given.pop("prefix", "/api")), service, **given)  # type: ignore[arg-type]


@dataclass
class Plane:
    """A running data plane. `visits` are the answered requests in the order of their ends; `notes`, `lines` and
    `tally` are what they left: telemetry records, log lines, counts."""

    port: int
    snapshot: GatewaySnapshot
    credentials: dict[bytes, Principal | Rejection]
    visits: list[Visit]
    known: dict[bytes, Principal | Rejection] = field(default_factory=dict)
    """Credentials that need not be looked up."""
    proven: set[bytes] = field(default_factory=set)
    """Those of which others have proved somebody before."""
    decide: Callable[[LimitSet], Decision] = admitted
    decide_failures: Callable[[LimitSet, int], Decision] = lambda limits, _cost: admitted(limits)
    """Of what an address may have looked up in vain."""
    looked_up: list[Credential] = field(default_factory=list)
    recorded: asyncio.Event = field(default_factory=asyncio.Event)
    notes: list[RequestRecord] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    fleets: Fleets = field(init=False)
    health: list[HealthSnapshot] = field(default_factory=list)
    """What was told of targets."""
    opened: list[Connection] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once a client's connection has ended."""
    connections: set[ClientConnection] = field(default_factory=set)
    """The edge's side of what is open."""
    served: list[ClientConnection] = field(default_factory=list)
    """The edge's side of all clients' connections, in the order in which they were made."""
    protocol: type[ClientConnection] = ClientConnection
    """Of its connections, for another server."""
    state: "_ServerState | None" = None
    """Of its server, for another one whose connections are to be its own."""
    tunnels: Tunnels = field(default_factory=Tunnels)
    """Its open WebSockets."""
    drain: Callable[[], None] = lambda: None
    """Begins the end of the worker, as uvicorn does."""

    async def connect(self, port: int = 0) -> Connection:
        """A connection to the edge, or to another server of its protocol."""
        connection = Connection(*await asyncio.open_connection("127.0.0.1", port or self.port))
        self.opened.append(connection)
        return connection

    async def get(self, path: str = "/api/x", *lines: str, method: str = "GET", body: bytes = b"") -> Answer:
        """One request over a connection of its own."""
        connection = await self.connect()
        try:
            await connection.send(request(path, *lines, method=method, body=body))
            while (answer := await connection.answer(head_only=method == "HEAD")).status < 200:
                pass  # an interim answer (RFC 9110 §15.2)
            return answer
        finally:
            connection.close()

    async def visit(self, count: int = 1) -> Visit:
        """The latest visit, once so many have ended."""
        async with asyncio.timeout(DEADLINE):
            while len(self.visits) < count:
                self.recorded.clear()
                await self.recorded.wait()
        return self.visits[count - 1]

    async def visit_or_end(self, count: int) -> None:
        """Returns once so many visits have ended, or a client's connection has."""
        async with asyncio.timeout(DEADLINE):
            while len(self.visits) < count and not self.gone.is_set():
                self.recorded.clear()
                await self.recorded.wait()


def request(path: str = "/api/x", *lines: str, method: str = "GET", body: bytes = b"") -> bytes:
    """The octets of a request."""
    framed = (*lines, f"Content-Length: {len(body)}") if body else lines
    return "\r\n".join((f"{method} {path} HTTP/1.1", "Host: localhost", *framed, "", "")).encode() + body


class _Services:
    """The answers of the services that a test has chosen, as the journey asks for them."""

    def __init__(self, state: Plane) -> None:
        self._state = state

    @property
    def snapshot(self) -> GatewaySnapshot:
        return self._state.snapshot

    def cached(self, credential: Credential, _now: float) -> Principal | Rejection | None:
        return self._state.known.get(credential.value)

    def unproven(self, credential: Credential) -> bool:
        return credential.value not in self._state.known.keys() | self._state.proven

    async def authenticate(self, credential: Credential, *, fresh: bool = False) -> Principal | Rejection:
        self._state.looked_up.append(credential)
        return self._state.credentials.get(credential.value, Rejection(reasons.ERROR_REASON_KEY_INVALID))

    async def check(self, limits: LimitSet, cost: int = 1) -> Decision:
        failures = limits.plan.policies[0].name == "failed_authentication"
        return self._state.decide_failures(limits, cost) if failures else self._state.decide(limits)


class _Host:
    """What a connection needs of its worker."""

    tls_lines: tuple[bytes, ...] = (b"Strict-Transport-Security: max-age=60\r\n",)

    def __init__(self, limits: ClientLimits, deadlines: Deadlines, proxies: TrustedProxies) -> None:
        self.limits = limits
        self.proxies = proxies
        self.deadlines = deadlines
        self.draining = False
        self.now: Callable[[], float] = time.time
        self.journey: Journey

    async def answer(self, request: InboundRequest, client: ClientConnection) -> bool:
        return await self.journey.answer(request, client)


class _Connections(set[ClientConnection]):
    """The open connections; tells when one of them comes or leaves."""

    def __init__(self, state: Plane) -> None:
        super().__init__()
        self._state = state

    def add(self, connection: ClientConnection) -> None:
        super().add(connection)
        self._state.served.append(connection)

    def discard(self, connection: object) -> None:
        super().discard(connection)
        self._state.gone.set()
        self._state.recorded.set()


class _ServerState:
    """What uvicorn's server keeps."""

    def __init__(self, state: Plane) -> None:
        self.connections: set[ClientConnection] = _Connections(state)
        state.connections = self.connections
        self.tasks: set[asyncio.Task[None]] = set()


@asynccontextmanager
async def plane(
    routes: Sequence[Route],
    *,
    limits: ClientLimits | None = None,
    cors: CorsRules | None = None,
    proxies: TrustedProxies | None = None,
    access: DetailAccess = NEAR,
    records: Records | None = None,
    answer_head_bytes: int = MAX_HEAD_BYTES,
    readiness: Readiness = READY,
    limiter: Limiting | None = None,
    limit_rules: LimitRules = DEFAULT_LIMITS,
) -> AsyncIterator[Plane]:
    """Serves these routes as the config of `default`; `cors` are the document's, for routes without their own;
    `records` keep each visit besides; `limiter` decides in the place of what a test has chosen."""
    shared = [replace(each, cors=each.cors or cors) for each in routes]
    named = {route.service.name: route.service for route in routes}
    rules = Rules(DEFAULT_TENANT, 7, Router(shared), limit_rules, cors=cors, services=tuple(named.values()))
    view = TenantView(DEFAULT_TENANT, "default0", "default", TenantStatus.ACTIVE, rules)
    snapshot = GatewaySnapshot(1, {DEFAULT_TENANT: view}, {}, {"default0": view})
    state = Plane(0, snapshot, {}, [])
    loop, deadlines = asyncio.get_running_loop(), Deadlines()
    pool = UpstreamPool(AddressGuard(), deadlines, head_bytes=answer_head_bytes)

    access_log = AccessLog("edge", state.lines.append)
    keep = Records(state.tally, access_log, lambda octets: state.notes.append(RequestRecord.FromString(octets))).keep

    def record(visit: Visit) -> None:
        keep(visit)
        access_log.flush()
        if records is not None:
            records.keep(visit)
        state.visits.append(copy(visit))  # the edge uses it again
        state.recorded.set()

    begun = records.begin if records is not None else None
    services, host = _Services(state), _Host(limits or ClientLimits(), deadlines, proxies or TrustedProxies())
    health = AskedServices(lambda: rules, Probe(pool))
    builtins = Bridge(builtin_app("0", lambda: readiness, health, access), PATHS)
    state.fleets = Fleets(pool, TargetRecords(state.tally, state.health.append), loop.time)
    forwarder = Forwarder(pool, deadlines, loop, fleets=state.fleets)
    host.journey = Journey(
        services,
        services,
        limiter or services,
        forwarder,
        builtins,
        record,
        lambda: host.draining,
        begun,
        state.tunnels,
    )
    server_state, protocol = _ServerState(state), hosted_by(host)
    state.protocol, state.state = protocol, server_state
    server = await loop.create_server(lambda: protocol(None, server_state, None, loop), "127.0.0.1", 0)
    state.port = server.sockets[0].getsockname()[1]

    def drain() -> None:
        host.draining = True
        for connection in list(server_state.connections):
            connection.shutdown()

    state.drain = drain
    ticking = loop.create_task(deadlines.run())
    try:
        yield state
    finally:
        server.close()
        ticking.cancel()
        for opened in state.opened:
            opened.close()
        for connection in list(server_state.connections):
            connection.abort()
        await asyncio.gather(*server_state.tasks, return_exceptions=True)
        pool.close()
        await asyncio.sleep(0)  # closed transports let go of their sockets on the next turn
