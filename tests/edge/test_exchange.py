"""What an exchange passes on, and whose fault it is when it does not go on."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from domain.tenants import DEFAULT_TENANT
from edge.deadlines import Deadlines
from edge.exchange import Exchange
from edge.routing import CorsRules, Router, Timeouts
from edge.snapshot import Rules, TenantStatus, TenantView
from edge.standing import Way
from edge.story import Waiting
from edge.upstream.connection import UpstreamConnection
from edge.upstream.known import KnownAnswers
from tests.edge.heads import head_of
from tests.edge.plane import DEADLINE, OK, Served, answering, plane, request, route, upstream

MEBIBYTE = 1024 * 1024
TENANT = TenantView(DEFAULT_TENANT, "default0", "default", TenantStatus.ACTIVE, Rules(DEFAULT_TENANT, 1, Router(())))
WAY = Way(route(1), TENANT, None, TENANT, b"", b"", 2_000_000, frozenset(), None)


async def test_an_answer_that_is_broken_from_the_start_is_no_answer() -> None:
    broken = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot a size\r\n"
    async with upstream(answering(broken)) as up, plane([route(up.port)]) as edge:
        answer = await edge.get()
    assert (answer.status, answer.code) == (502, "DOWNSTREAM_INVALID")


async def test_a_204_has_no_length_whatever_the_upstream_says() -> None:
    octets = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"
    async with upstream(answering(octets)) as up, plane([route(up.port)]) as edge:
        answer = await edge.get()
    assert (answer.status, "content-length" in answer.fields) == (204, False)


async def test_what_the_edge_says_itself_is_said_once() -> None:
    octets = (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nAccess-Control-Allow-Origin: *\r\nVary: Accept\r\n"
        b'RateLimit: "theirs";r=1\r\nConnection: X-Hop\r\nX-Hop: 1\r\nX-End: 2\r\n\r\nok'
    )
    rules = CorsRules(origins=frozenset({"https://app.example.com"}))
    async with upstream(answering(octets)) as up:
        for cors in (rules, None):
            async with plane([route(up.port)], cors=cors) as edge:
                client = await edge.connect()
                await client.send(request("/api/x", "Origin: https://app.example.com"))
                head = (await client.reader.readuntil(b"\r\n\r\n")).lower()
                assert head.count(b"access-control-allow-origin") == 1
                assert b"theirs" not in head
                assert b"x-hop" not in head
                assert b"x-end: 2" in head


async def test_a_client_that_takes_nothing_is_not_the_upstreams_fault() -> None:
    async def endless(served: Served) -> None:
        await served.head()
        await served.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (64 * MEBIBYTE))
        while True:
            await served.send(bytes(MEBIBYTE))

    async with upstream(endless) as up, plane([route(up.port, timeouts=Timeouts(idle=0.3))]) as edge:
        client = await edge.connect()
        await client.send(request())
        visit = await edge.visit()
        async with asyncio.timeout(10):
            await up.gone.wait()
    assert (visit.status, visit.code, visit.stage) == (200, "", "client")


@pytest.mark.parametrize("version", ["2.0", "0.9", "3.1"])
async def test_an_answer_in_another_version_is_not_valid(version: str) -> None:
    async with upstream(answering(OK.replace(b"1.1", version.encode()))) as up, plane([route(up.port)]) as edge:
        assert (await edge.get()).code == "DOWNSTREAM_INVALID"


HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n"


async def test_early_hints_reach_the_client_before_the_answer() -> None:
    seen = asyncio.Event()

    async def hinting(served: Served) -> None:
        await served.head()
        await served.send(b"HTTP/1.1 100 Continue\r\n\r\n" + HINTS + HINTS)
        await seen.wait()
        await served.send(OK)

    async with upstream(hinting) as up, plane([route(up.port)]) as edge:
        client = await edge.connect()
        await client.send(request())
        async with asyncio.timeout(DEADLINE):
            for _ in range(2):  # and no 100: nobody expects it of the upstream
                assert await client.head() == (103, {"link": "</a>; rel=preload"})
        seen.set()
        assert (await client.answer()).body == b"ok"


async def test_an_http_10_client_is_given_no_hints() -> None:
    async with upstream(answering(HINTS + OK)) as up, plane([route(up.port)]) as edge:
        client = await edge.connect()
        await client.send(b"GET /api/x HTTP/1.0\r\nHost: localhost\r\n\r\n")
        assert (await client.answer()).body == b"ok"


@pytest.mark.parametrize(
    "interim",
    [
        pytest.param(
            b"HTTP/1.1 103 Hints\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", id="contradict themselves"
        ),
        pytest.param(HINTS * 1000, id="have no end"),
    ],
)
async def test_hints_are_no_answer_if_they(interim: bytes) -> None:
    async with upstream(answering(interim)) as up, plane([route(up.port)]) as edge:
        client = await edge.connect()
        await client.send(request())
        await edge.visit()
        assert edge.visits[0].code == "DOWNSTREAM_INVALID"


async def test_hints_give_an_upstream_no_more_time() -> None:
    async def hinting(served: Served) -> None:
        await served.head()
        while True:
            await served.send(b"HTTP/1.1 102 Processing\r\n\r\n")
            await asyncio.sleep(0.05)

    async with upstream(hinting) as up, plane([route(up.port, timeouts=Timeouts(response=0.3))]) as edge:
        client = await edge.connect()
        await client.send(request())
        assert (await edge.visit()).code == "DOWNSTREAM_TIMEOUT"


async def test_silence_is_bounded_by_the_idle_timeout_also_where_the_answer_may_take_longer() -> None:
    waited = asyncio.Event()

    async def stalling(served: Served) -> None:
        await served.head()
        await waited.wait()
        await served.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        await served.reader.read()

    async with upstream(stalling) as up, plane([route(up.port, timeouts=Timeouts(response=600, idle=0.2))]) as edge:
        client = await edge.connect()
        await client.send(request())
        asyncio.get_running_loop().call_later(0.2, waited.set)  # the clock has long noted the first deadline
        assert (await edge.visit()).code == "DOWNSTREAM_TIMEOUT"


class _Owing:
    """A request whose body is still to come."""

    complete = False
    keep_alive = True


class _Taking:
    """A client that takes everything."""

    writable = True

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.paused = False
        self.answered = Waiting()

    def write(self, data: bytes) -> None:
        pass

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


class _Clock:
    """A loop whose time a test decides."""

    now = 0.0

    def time(self) -> float:
        return self.now


@dataclass
class _Uploading:
    """An exchange whose request is on its way up since the clock stood at 0."""

    exchange: Exchange
    connection: UpstreamConnection
    client: _Taking
    clock: _Clock


@asynccontextmanager
async def uploading(timeouts: Timeouts) -> AsyncIterator[_Uploading]:
    ours, theirs = socket.socketpair()
    loop, clock = asyncio.get_running_loop(), _Clock()
    client = _Taking(loop)
    transport, connection = await loop.create_connection(
        lambda: UpstreamConnection(Deadlines(), KnownAnswers()), sock=ours
    )
    head = head_of((b"Content-Length", b"1000000"), method=b"POST")
    exchange = Exchange(client, _Owing(), head, WAY, timeouts, clock)  # type: ignore[arg-type]
    exchange.run_on(connection, b"")
    connection.begin(exchange, b"")
    try:
        yield _Uploading(exchange, connection, client, clock)
    finally:
        transport.abort()
        theirs.close()
        await asyncio.sleep(0)  # lets the transport go


async def test_a_client_that_had_to_wait_gets_its_time_back() -> None:
    """The upstream took nothing for long: what the client sends next is not late."""
    async with uploading(Timeouts(response=10)) as up:
        up.clock.now = 1.0
        up.exchange.pause_upload()
        assert up.client.paused
        up.clock.now = 9.9
        up.exchange.resume_upload()
        assert (up.client.paused, up.connection.deadline) == (False, 19.9)


async def test_a_client_that_takes_more_gives_the_upstream_its_whole_time_again() -> None:
    async with uploading(Timeouts(response=10, idle=60)) as up:
        up.clock.now = 5.0
        up.exchange.client_blocked()  # by an earlier answer on its connection
        up.exchange.client_unblocked()
        assert up.connection.deadline == 15.0
