"""Attacks on the data plane: what a hostile client or upstream tries, and that nobody else ever feels it."""

import asyncio
import socket
import time
from dataclasses import replace
from ipaddress import ip_network

from domain.tenants import DEFAULT_TENANT, TenantId
from edge.client import ClientLimits
from edge.deadlines import Deadlines
from edge.exchange import Exchange
from edge.http.block import read_block
from edge.http.forwarded import ProxyHeaders, TrustedProxies
from edge.http.head import Head, read_head
from edge.limits.local import LocalWindows
from edge.limits.rules import LimitRules, Rate
from edge.pace import LeastPace
from edge.principal import Principal, PrincipalKind
from edge.routing import Auth, Router, Timeouts
from edge.snapshot import Rules, TenantStatus, TenantView
from edge.standing import Way
from edge.story import Waiting
from edge.upstream.connection import UpstreamConnection
from edge.upstream.known import KnownAnswers
from tests.edge.plane import DEADLINE, OK, Connection, Plane, Served, answering, plane, request, route, upstream

SOMEBODY = TenantView(DEFAULT_TENANT, "default0", "default", TenantStatus.ACTIVE, Rules(DEFAULT_TENANT, 1, Router(())))


async def test_the_last_request_of_a_full_pipeline_goes_up_with_its_whole_body() -> None:
    """A body that stays behind would be owed on a connection that goes back to the pool."""
    bodies: list[bytes] = []

    async def read_all(served: Served) -> None:
        while True:
            head = await served.head()
            if b"Content-Length: 6" in head:
                bodies.append(await served.reader.readexactly(6))
            await served.send(OK)

    async with upstream(read_all) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        head = b"POST /api/last HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n"
        await client.send(request() * 15 + head + b"abc")
        await client.send(b"def" + request())
        assert [(await client.answer()).status for _ in range(16)] == [200] * 16
        assert await client.ended() == b""
        assert bodies == [b"abcdef"]


async def test_a_client_that_is_behind_at_the_end_of_an_answer_leaves_the_upstream_heard() -> None:
    """The connection goes back to the pool: the next answer on it belongs to somebody else."""
    ours, theirs = socket.socketpair()
    loop = asyncio.get_running_loop()
    transport, connection = await loop.create_connection(
        lambda: UpstreamConnection(Deadlines(), KnownAnswers()), sock=ours
    )
    head = read_head(b"GET", b"/", read_block("1.1", [(b"Host", b"a")], 10))
    assert isinstance(head, Head)
    client = _Behind(loop)
    way = Way(route(1), SOMEBODY, None, SOMEBODY, b"", b"", 0, frozenset(), None)
    exchange = Exchange(client, _Whole(), head, way, Timeouts(), loop)
    exchange.run_on(connection, b"")
    client.exchange = exchange
    connection.begin(exchange, b"")
    connection.data_received(OK)
    assert connection.reusable
    assert transport.is_reading()
    transport.abort()
    theirs.close()


class _Whole:
    """A request whose body is all there."""

    complete = True
    keep_alive = True
    replayable = True


class _Behind:
    """A client whose buffer is full from the first octet on."""

    writable = False
    answering = False
    exchange: Exchange

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.answered = Waiting()

    def write(self, data: bytes) -> None:
        self.exchange.client_blocked()

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


async def test_a_flood_of_wrong_keys_costs_authsvc_its_budget_and_nobody_else_anything() -> None:
    good, stranger = b"psk_good", b"psk_new"
    caller = Principal(PrincipalKind.CONSUMER, "c-1", DEFAULT_TENANT)
    trusted = TrustedProxies((ip_network("127.0.0.0/8"),), ProxyHeaders.X_FORWARDED)
    rules = LimitRules(failed_authentication=Rate(20, 60_000))
    async with upstream(answering(OK)) as behind:
        routes = [route(behind.port, auth=Auth.REQUIRED)]
        async with plane(routes, proxies=trusted, limit_rules=rules) as edge:
            edge.decide_failures = LocalWindows(lambda: time.monotonic_ns() // 1000).decide
            edge.known[good], edge.credentials[stranger] = caller, caller

            async def ask(key: bytes, address: str) -> int:
                lines = (f"Authorization: Bearer {key.decode()}", f"X-Forwarded-For: {address}")
                return (await edge.get("/api/x", *lines)).status

            flood = await asyncio.gather(*(ask(b"wrong-%d" % number, "192.0.2.1") for number in range(100)))
            assert (flood.count(401), flood.count(429), len(edge.looked_up)) == (20, 80, 20)
            assert await ask(good, "192.0.2.1") == 200
            assert await ask(stranger, "192.0.2.2") == 200
            assert await ask(stranger, "192.0.2.1") == 429


async def test_an_upstreams_status_below_100_is_no_answer() -> None:
    octets = b"HTTP/1.1 099 Low\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
    async with upstream(answering(octets, times=1)) as behind, plane([route(behind.port)]) as edge:
        assert (await edge.get()).code == "DOWNSTREAM_INVALID"


async def test_an_endless_trailer_is_not_gathered() -> None:
    asked = asyncio.Event()

    async def swallow(served: Served) -> None:
        await served.head()
        asked.set()
        await served.reader.read()

    async with upstream(swallow) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        await client.send(b"POST /api/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
        await asked.wait()
        await client.send(b"0\r\nX: ")
        client.writer.write(b"x" * 1_000_000)
        assert (await edge.visit()).code == "BAD_REQUEST"


async def test_an_upstreams_endless_trailer_is_not_gathered() -> None:
    async def trail(served: Served) -> None:
        await served.head()
        await served.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX: ")
        await served.send(b"x" * 1_000_000)
        await served.reader.read()

    async with upstream(trail) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        await client.send(request())
        assert (await edge.visit()).code == "DOWNSTREAM_INVALID"


async def test_a_body_that_stalls_at_a_built_in_endpoint_ends() -> None:
    async with plane([], limits=ClientLimits(body_seconds=0.2)) as edge:
        client = await edge.connect()
        await client.send(b"POST /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
        assert (await client.answer()).code == "REQUEST_TIMEOUT"
        assert await client.ended() == b""


async def test_a_body_that_trickles_is_given_up_though_it_never_stalls() -> None:
    seen = asyncio.Event()

    async def collect(served: Served) -> None:
        await served.head()
        while await served.reader.read(1):
            seen.set()
        seen.set()

    limits = ClientLimits(pace=LeastPace(1_000_000, period_seconds=0.05))
    async with upstream(collect) as behind, plane([route(behind.port)], limits=limits) as edge:
        client = await edge.connect()
        await client.send(b"POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
        async with asyncio.timeout(DEADLINE):
            while not behind.gone.is_set():
                await client.send(b"x")
                await seen.wait()
                seen.clear()
        assert (await client.answer()).code == "REQUEST_TIMEOUT"
        assert 1 < (await edge.visit()).request.body_bytes < 1_000_000


async def test_a_built_in_endpoint_invites_an_expected_body() -> None:
    async with plane([]) as edge:
        client = await edge.connect()
        lines = b"POST /livez HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        await client.send(lines)
        assert (await client.answer()).status == 100
        await client.send(b"{}")
        assert (await client.answer()).status == 405


async def test_an_http_10_client_never_sees_an_interim_answer() -> None:
    async def read_two(served: Served) -> None:
        await served.head()
        await served.reader.readexactly(2)
        await served.send(OK)

    async with upstream(read_two) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        lines = b"POST /api/x HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab"
        await client.send(lines)
        assert (await client.answer()).status == 200


async def test_a_client_that_asks_without_end_and_reads_nothing_is_cut_off() -> None:
    """An edge that answered on into its own memory, or waited for such a client, would never end this."""
    async with plane([], limits=ClientLimits(body_seconds=0.2)) as edge:
        client = await connect_with_small_buffers(edge)
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        asked = 0
        async with asyncio.timeout(DEADLINE):
            while not edge.gone.is_set():
                asked += 1
                await client.send(request("/" + "x" * 6000))
                await edge.visit_or_end(asked)
        assert asked > 1


async def connect_with_small_buffers(edge: Plane) -> Connection:
    """A client whose kernel keeps little of what it does not read."""
    near = socket.socket()
    near.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    near.setblocking(False)
    await asyncio.get_running_loop().sock_connect(near, ("127.0.0.1", edge.port))
    connection = Connection(*await asyncio.open_connection(sock=near))
    edge.opened.append(connection)
    return connection


async def test_a_target_whose_name_cannot_be_looked_up_is_unreachable() -> None:
    wrong = route(1)
    target = replace(wrong.service.targets[0], host="a" * 70 + ".example")
    async with plane([replace(wrong, service=replace(wrong.service, targets=(target,)))]) as edge:
        assert (await edge.get()).code == "DOWNSTREAM_UNREACHABLE"


async def test_a_target_is_judged_by_the_config_that_named_it_whoever_acts() -> None:
    async with (
        upstream(answering(OK)) as behind,
        plane([route(behind.port, auth=Auth.REQUIRED)]) as edge,
    ):
        other = TenantId("0190a000-0000-7000-8000-000000000001")
        default = edge.snapshot.tenants[DEFAULT_TENANT]
        acting = replace(default, id=other, rules=replace(default.rules, tenant=other))
        edge.snapshot = replace(edge.snapshot, tenants={DEFAULT_TENANT: default, other: acting})
        edge.credentials[b"token"] = Principal(PrincipalKind.USER, "u1", other)
        assert (await edge.get("/api/x", "Authorization: Bearer token")).status == 200
        assert b"X-Tenant-ID: 0190a000-0000-7000-8000-000000000001\r\n" in behind.heads[0]
