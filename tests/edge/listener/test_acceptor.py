"""Connections before their first request: balancers that name their clients, and bounds on time and number."""

import asyncio
import socket
from ipaddress import ip_network
from pathlib import Path

import pytest

from edge.http.forwarded import TrustedProxies
from edge.listener.acceptor import OpeningLimits
from edge.listener.rotation import Certificates
from tests.edge.listener.serving import listening
from tests.edge.listener.test_proxy_protocol import ATTACKS, V4, V6, version_2
from tests.edge.listener.test_tls import asks
from tests.edge.plane import DEADLINE, OK, answering, plane, request, route, upstream
from tests.support.authority import Authority

NEAR = ("127.0.0.0/8",)
NAMED = {
    "version 1": (b"PROXY TCP4 203.0.113.9 10.0.0.1 4711 443\r\n", "203.0.113.9"),
    "version 2": (version_2(V4), "203.0.113.9"),
    "version 2, IPv6": (version_2(V6, family=0x21), "2001:db8::9"),
    "a check by 1": (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    "a check by 2": (version_2(b"", command=0x20, family=0x00), "127.0.0.1"),
    "a Unix socket": (version_2(bytes(216), family=0x31), "127.0.0.1"),
    "much else": (version_2(V4 + bytes(4000)), "203.0.113.9"),
}


@pytest.mark.parametrize(("header", "address"), NAMED.values(), ids=NAMED.keys())
@pytest.mark.parametrize("pieces", ["at once", "header and request", "octet by octet"])
async def test_a_request_comes_from_whom_the_balancer_names(header: bytes, address: str, pieces: str) -> None:
    async with (
        upstream(answering(OK)) as behind,
        plane([route(behind.port)]) as edge,
        listening(edge, balancers=NEAR) as port,
    ):
        parts = {
            "at once": (header + request(),),
            "header and request": (header, request()),
            "octet by octet": (*(header[at : at + 1] for at in range(min(len(header), 300))), header[300:] + request()),
        }[pieces]
        client = await port.plain(*parts)
        for _ in range(2):  # the header stands before the first request alone
            assert (await client.answer()).status == 200
            await client.send(request())
        assert (await client.answer()).status == 200
        assert {visit.client_address for visit in edge.visits} == {address}
        shown = f"[{address}]" if ":" in address else address
        assert f"X-Forwarded-For: {address}\r\n".encode() in behind.heads[0]
        assert (
            f'Forwarded: for="{shown}";' if ":" in address else f"Forwarded: for={shown};"
        ).encode() in behind.heads[0]


@pytest.mark.parametrize(("header", "address"), NAMED.values(), ids=NAMED.keys())
async def test_it_stands_before_tls(authority: Authority, tmp_path: Path, header: bytes, address: str) -> None:
    certificates = Certificates([authority.issue(tmp_path, "edge.test")])
    async with (
        upstream(answering(OK)) as behind,
        plane([route(behind.port)]) as edge,
        listening(edge, tls=certificates, balancers=NEAR) as port,
    ):
        client = await port.tls(authority.client(), first=header)
        await client.send(asks("edge.test"))
        assert (await client.answer()).status == 200
        assert (await edge.visit()).client_address == address
        assert b"X-Forwarded-Proto: https\r\n" in behind.heads[0]


async def test_a_proxy_before_the_balancer_is_believed_by_the_address_that_the_balancer_names() -> None:
    trusted = TrustedProxies((ip_network("203.0.113.0/24"),))
    for sender, client in ((b"203.0.113.9", "198.51.100.7"), (b"192.0.2.9", "192.0.2.9")):
        async with plane([], proxies=trusted) as edge, listening(edge, balancers=NEAR) as port:
            said = request("/livez", "X-Forwarded-For: 198.51.100.7")
            connection = await port.plain(b"PROXY TCP4 %b 10.0.0.1 4711 443\r\n" % sender + said)
            assert (await connection.answer()).status == 200
            assert (await edge.visit()).client_address == client


@pytest.mark.parametrize("octets", ATTACKS.values(), ids=ATTACKS.keys())
async def test_a_balancer_that_sends_none_is_not_heard(octets: bytes) -> None:
    async with plane([]) as edge, listening(edge, balancers=NEAR) as port:
        client = await port.plain(octets + request("/livez"))
        assert await client.ended() == b""
        await port.has_dropped("proxy_header")
        assert edge.visits == []


@pytest.mark.parametrize("header", [each for each, _ in NAMED.values()], ids=NAMED.keys())
async def test_from_anybody_else_it_is_garbage(header: bytes) -> None:
    async with plane([]) as edge, listening(edge, balancers=("10.0.0.0/8",)) as port:
        client = await port.plain(header + request("/livez"))
        assert (await client.answer()).code == "BAD_REQUEST"
        assert await client.ended() == b""
        assert [visit.client_address for visit in edge.visits] == ["127.0.0.1"]


async def test_from_anybody_else_it_is_no_tls_either(authority: Authority, tmp_path: Path) -> None:
    certificates = Certificates([authority.issue(tmp_path, "edge.test")])
    async with plane([]) as edge, listening(edge, tls=certificates, balancers=("10.0.0.0/8",)) as port:
        client = await port.plain(version_2(V4))
        await client.ended()
        await port.has_dropped("handshake")


async def test_anybody_else_is_served_as_ever() -> None:
    async with plane([]) as edge, listening(edge, balancers=("10.0.0.0/8",)) as port:
        client = await port.plain(request("/livez"))
        assert (await client.answer()).status == 200


async def test_a_balancer_that_only_looks_whether_the_port_is_open_leaves_no_trace() -> None:
    async with plane([]) as edge, listening(edge, balancers=NEAR) as port:
        for _ in range(3):
            port.connect().close()
        await port.has_dropped("gone", 3)
        assert edge.served == []


async def test_plain_http_on_the_port_of_tls_is_no_handshake(authority: Authority, tmp_path: Path) -> None:
    async with plane([]) as edge, listening(edge, tls=Certificates([authority.issue(tmp_path, "edge.test")])) as port:
        client = await port.plain(request())
        await client.ended()
        await port.has_dropped("handshake")
        assert edge.served == []


@pytest.mark.parametrize(
    "octets", [b"", b"PROXY TCP4 ", version_2(V4)[:20]], ids=["nothing", "half a line", "half a header"]
)
async def test_a_header_has_its_time_to_come(octets: bytes) -> None:
    async with plane([]) as edge, listening(edge, balancers=NEAR, limits=OpeningLimits(seconds=0.1)) as port:
        client = await port.plain(octets)
        assert await client.ended() == b""
        await port.has_dropped("timeout")


@pytest.mark.parametrize("octets", [b"", b"\x16\x03\x01\x02"], ids=["nothing", "half a hello"])
async def test_a_handshake_has_its_time_to_come(authority: Authority, tmp_path: Path, octets: bytes) -> None:
    certificates = Certificates([authority.issue(tmp_path, "edge.test")])
    async with plane([]) as edge, listening(edge, tls=certificates, limits=OpeningLimits(seconds=0.1)) as port:
        client = await port.plain(octets)
        assert await client.ended() == b""
        await port.has_dropped("timeout")


async def test_clients_that_say_nothing_do_not_keep_others_out(authority: Authority, tmp_path: Path) -> None:
    certificates = Certificates([authority.issue(tmp_path, "edge.test")])
    bounded = OpeningLimits(seconds=60.0, at_a_time=8)
    async with plane([]) as edge, listening(edge, tls=certificates, limits=bounded, hurried_seconds=0.1) as port:
        silent = [port.connect() for _ in range(40)]
        client = await port.tls(authority.client())
        await client.send(asks("edge.test", "/livez"))
        assert (await client.answer()).status == 200
        assert port.dropped["crowded"] >= 32
        for each in silent:
            each.close()


async def test_as_many_are_opened_at_a_time_as_the_bound_says(authority: Authority, tmp_path: Path) -> None:
    certificates = Certificates([authority.issue(tmp_path, "edge.test")])
    bounded = OpeningLimits(seconds=60.0, at_a_time=3)
    async with plane([]) as edge, listening(edge, tls=certificates, limits=bounded, hurried_seconds=60.0) as port:
        first = [port.connect() for _ in range(3)]
        await asyncio.sleep(0)
        waiting = asyncio.get_running_loop().create_task(port.tls(authority.client()))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await asyncio.shield(waiting)
        first[0].close()  # which makes room
        async with asyncio.timeout(DEADLINE):
            client = await waiting
        await client.send(asks("edge.test", "/livez"))
        assert (await client.answer()).status == 200
        for each in first:
            each.close()


async def test_a_storm_of_clients_is_served_to_the_last(authority: Authority, tmp_path: Path) -> None:
    certificates = Certificates([authority.issue(tmp_path, "edge.test")])
    async with plane([]) as edge, listening(edge, tls=certificates, limits=OpeningLimits(at_a_time=16)) as port:
        context = authority.client()

        async def ask() -> int:
            client = await port.tls(context)
            await client.send(asks("edge.test", "/livez"))
            return (await client.answer()).status

        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            asking = [tasks.create_task(ask()) for _ in range(200)]
        assert [each.result() for each in asking] == [200] * 200
        assert port.dropped["crowded"] == 0


async def test_a_handshake_that_is_under_way_when_the_drain_begins_is_brought_to_its_answer(
    authority: Authority, tmp_path: Path
) -> None:
    certificates = Certificates([authority.issue(tmp_path, "edge.test")])
    async with plane([]) as edge, listening(edge, tls=certificates) as port:
        plain = await port.plain()
        await port.opens()
        ending = asyncio.get_running_loop().create_task(port.end())
        await port.closes()
        await plain.writer.start_tls(authority.client(), server_hostname="edge.test")
        await plain.send(asks("edge.test", "/livez"))
        answer = await plain.answer()
        assert (answer.status, answer.fields["connection"]) == (200, "close")
        await ending


async def test_silence_does_not_hold_the_drain_up(authority: Authority, tmp_path: Path) -> None:
    certificates = Certificates([authority.issue(tmp_path, "edge.test")])
    async with plane([]) as edge, listening(edge, tls=certificates, hurried_seconds=0.1) as port:
        client = await port.plain()
        await port.opens()
        await port.end()
        assert await client.ended() == b""


async def test_small_answers_are_sent_at_once(authority: Authority, tmp_path: Path) -> None:
    certificates = Certificates([authority.issue(tmp_path, "edge.test")])
    for tls in (None, certificates):
        async with plane([]) as edge, listening(edge, tls=tls, balancers=() if tls else NEAR) as port:
            client = await (port.tls(authority.client()) if tls else port.plain(b"PROXY UNKNOWN\r\n"))
            await client.send(asks("edge.test", "/livez"))
            await client.answer()
            (connection,) = port.server.server_state.connections
            accepted = connection.transport.get_extra_info("socket")
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
