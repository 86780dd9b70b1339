"""The edge over TLS, asked by Python's own client: protocols, names, what answers say, and how connections end."""

import asyncio
import os
import socket
import ssl
import struct
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from types import SimpleNamespace

import pytest

from edge.client import ClientLimits
from edge.http.forwarded import TrustedProxies
from edge.listener.rotation import Certificates
from edge.listener.tls import ignore_unreadable_names
from tests.edge.listener.serving import Listening, listening
from tests.edge.plane import DATED, DEADLINE, OK, Served, Upstream, answering, plane, request, route, upstream
from tests.support.authority import Authority

HSTS = "strict-transport-security"


@asynccontextmanager
async def served(
    authority: Authority, folder: Path, octets: bytes = OK, *, limits: ClientLimits | None = None, **options: object
) -> AsyncIterator[tuple[Listening, Upstream]]:
    """The edge over TLS as edge.test, a.edge.test and so on, and as other.test, before an upstream that answers so."""
    edge_files = authority.issue(folder, "edge.test", "*.edge.test", "localhost")
    certificates = Certificates([edge_files, authority.issue(folder, "other.test", file="other")])
    async with (
        upstream(answering(octets)) as behind,
        plane([route(behind.port)], limits=limits, **options) as edge,  # type: ignore[arg-type]
        listening(edge, tls=certificates) as port,
    ):
        yield port, behind


def asks(host: str, path: str = "/api/x", *lines: str) -> bytes:
    """A request to this host."""
    return request(path, *lines).replace(b"Host: localhost", f"Host: {host}".encode())


async def test_a_request_goes_through_and_the_upstream_is_told_that_it_was_secure(
    authority: Authority, tmp_path: Path
) -> None:
    async with served(authority, tmp_path) as (port, behind):
        client = await port.tls(authority.client())
        await client.send(asks("edge.test"))
        answer = await client.answer()
        assert (answer.status, answer.body) == (200, b"ok")
        sent = behind.heads[0].decode().split("\r\n")
        assert "X-Forwarded-Proto: https" in sent
        assert 'Forwarded: for=127.0.0.1;host="edge.test";proto=https' in sent


@pytest.mark.parametrize(
    ("version", "cipher"),
    [(ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")],
    ids=["1.2", "1.3"],
)
async def test_both_versions_are_spoken_with_http_1_and_forward_secrecy(
    authority: Authority, tmp_path: Path, version: ssl.TLSVersion, cipher: str
) -> None:
    async with served(authority, tmp_path) as (port, _):
        context = authority.client(("h2", "http/1.1"))
        context.maximum_version = version
        client = await port.tls(context)
        session = client.writer.get_extra_info("ssl_object")
        assert (session.version(), session.selected_alpn_protocol()) == (cipher, "http/1.1")
        await client.send(asks("edge.test"))
        assert (await client.answer()).status == 200


def old_version(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")


def static_key_exchange(context: ssl.SSLContext) -> None:
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AES128-GCM-SHA256:AES256-GCM-SHA384")


def cbc(context: ssl.SSLContext) -> None:
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.parametrize("spoil", [old_version, static_key_exchange, cbc], ids=lambda spoil: spoil.__name__)
async def test_what_is_out_of_date_is_not_spoken(
    authority: Authority, tmp_path: Path, spoil: Callable[[ssl.SSLContext], None]
) -> None:
    async with served(authority, tmp_path) as (port, _):
        context = authority.client()
        spoil(context)
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await port.tls(context)
        await port.has_dropped("handshake")


@pytest.mark.parametrize("name", ["edge.test", "a.edge.test", "EDGE.test", "other.test"])
async def test_each_name_has_its_certificate(authority: Authority, tmp_path: Path, name: str) -> None:
    async with served(authority, tmp_path) as (port, _):
        client = await port.tls(authority.client(), name)  # the client verifies it
        await client.send(asks(name))
        assert (await client.answer()).status == 200


async def test_a_name_of_nobody_gets_the_first_certificate_and_takes_it_or_not(
    authority: Authority, tmp_path: Path
) -> None:
    async with served(authority, tmp_path) as (port, _):
        with pytest.raises(ssl.SSLCertVerificationError):
            await port.tls(authority.client(), "unknown.test")
        careless = authority.client()
        careless.check_hostname = False
        client = await port.tls(careless, "unknown.test")
        names = client.writer.get_extra_info("peercert")["subjectAltName"]
        assert ("DNS", "edge.test") in names


@pytest.mark.parametrize(
    ("name", "host", "status"),
    [
        pytest.param("edge.test", "edge.test", 200, id="the same"),
        pytest.param("edge.test", "EDGE.TEST.:8443", 200, id="the same, written otherwise"),
        pytest.param("edge.test", "other.test", 421, id="another, which is served as well"),
        pytest.param("edge.test", "a.edge.test", 421, id="another of the same certificate"),
        pytest.param("other.test", "127.0.0.1", 421, id="an address"),
        pytest.param(None, "other.test", 200, id="any, for who named none"),
    ],
)
async def test_a_request_is_for_the_host_that_its_connection_was_made_for(
    authority: Authority, tmp_path: Path, name: str | None, host: str, status: int
) -> None:
    async with served(authority, tmp_path) as (port, behind):
        client = await port.tls(authority.client(), name)
        for path in ("/api/x", "/livez"):
            await client.send(asks(host, path))
            answer = await client.answer()
            assert answer.status == status
            if status == 421:
                assert answer.code == "MISDIRECTED"
        assert behind.connections == (1 if status == 200 else 0)


async def test_a_request_without_host_names_no_other(authority: Authority, tmp_path: Path) -> None:
    async with served(authority, tmp_path) as (port, _):
        client = await port.tls(authority.client())
        await client.send(b"GET /api/x HTTP/1.0\r\n\r\n")
        assert (await client.answer()).status == 200


async def test_a_trusted_proxy_speaks_for_all_hosts_on_one_connection(authority: Authority, tmp_path: Path) -> None:
    proxies = TrustedProxies((ip_network("127.0.0.0/8"),))
    async with served(authority, tmp_path, proxies=proxies) as (port, behind):
        client = await port.tls(authority.client())
        for host in ("other.test", "a.edge.test"):
            await client.send(asks(host, "/api/x", "X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: http"))
            assert (await client.answer()).status == 200
        assert b"X-Forwarded-Proto: http\r\n" in behind.heads[0]


@pytest.mark.parametrize("name", [b"\xff\xfe", "münchen.test".encode(), b"a\0b"], ids=["binary", "not ASCII", "a null"])
async def test_a_name_that_nobody_can_read_ends_the_handshake_without_a_word(
    authority: Authority, tmp_path: Path, name: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    ignore_unreadable_names()
    async with served(authority, tmp_path) as (port, _):
        client = await port.plain(hello(name))
        await client.ended()
        await port.has_dropped("handshake")
    assert told == []


def test_nothing_else_is_kept_silent_about(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    ignore_unreadable_names()
    other = SimpleNamespace(exc_value=ValueError(), object=b"")
    sys.unraisablehook(other)
    assert told == [other]


def hello(name: bytes) -> bytes:
    """A client's first message, with a server name of these octets."""
    server_name = struct.pack("!HHHBH", 0, len(name) + 5, len(name) + 3, 0, len(name)) + name
    groups, signatures = bytes.fromhex("000a00040002001d"), bytes.fromhex("000d0006000404030804")
    versions, share = bytes.fromhex("002b0003020304"), bytes.fromhex("003300260024001d0020") + bytes(range(32))
    extensions = server_name + groups + signatures + versions + share
    message = b"\x03\x03" + bytes(32) + b"\0\0\x02\x13\x01\x01\0" + struct.pack("!H", len(extensions)) + extensions
    handshake = b"\x01" + len(message).to_bytes(3, "big") + message
    return b"\x16\x03\x01" + struct.pack("!H", len(handshake)) + handshake


# -- what answers say ----------------------------------------------------------------------------------------------


async def test_every_answer_asks_for_tls_from_now_on_and_only_once(authority: Authority, tmp_path: Path) -> None:
    theirs = DATED.replace(b"Content", b"Strict-Transport-Security: max-age=1\r\nContent")
    async with served(authority, tmp_path, theirs) as (port, behind):
        client = await port.tls(authority.client())
        # proxied, then repeated the short way; a built-in endpoint, refusals of the edge and of the gate
        for octets in (
            *(asks("edge.test"),) * 3,
            asks("edge.test", "/livez"),
            asks("edge.test", "/nowhere"),
            asks("other.test"),
            b"BREW / HTTP/1.1\r\n\r\n",
        ):
            await client.send(octets)
            head = await client.reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await client.reader.readexactly(length)
            said = [line for line in head.split(b"\r\n") if line.lower().startswith(HSTS.encode())]
            assert said == [b"Strict-Transport-Security: max-age=60"]
        assert behind.connections == 1
        assert len(port.edge.visits) == 7


async def test_an_answer_over_plain_http_does_not(authority: Authority, tmp_path: Path) -> None:
    async with served(authority, tmp_path, OK) as (port, _):
        assert HSTS not in (await port.edge.get()).fields


async def test_what_an_upstream_says_of_it_goes_on_over_plain_http() -> None:
    theirs = OK.replace(b"Content", b"Strict-Transport-Security: max-age=1\r\nContent")
    async with upstream(answering(theirs)) as behind, plane([route(behind.port)]) as edge:
        assert (await edge.get()).fields[HSTS] == "max-age=1"


# -- how connections end -------------------------------------------------------------------------------------------


async def test_a_last_answer_is_followed_by_the_end_of_tls(authority: Authority, tmp_path: Path) -> None:
    async with served(authority, tmp_path) as (port, _):
        for octets in (asks("edge.test", "/api/x", "Connection: close"), b"GET / HTTP/1.1\r\n\r\n", b"x y z\r\n more"):
            context = authority.client()
            assert await asyncio.to_thread(_read_to_the_end, context, port.port, octets)


def _read_to_the_end(context: ssl.SSLContext, port: int, octets: bytes) -> bytes:
    """What comes until close_notify; SSLEOFError when the connection ends without."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as plain,
        context.wrap_socket(plain, server_hostname="edge.test", suppress_ragged_eofs=False) as client,
    ):
        client.sendall(octets)
        answer = b""
        while more := client.recv(65536):
            answer += more
        return answer


async def test_an_answer_that_is_cut_ends_without_the_end_of_tls(authority: Authority, tmp_path: Path) -> None:
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"

    async def cut(served: Served) -> None:
        await served.head()
        await served.send(half)

    certificates = Certificates([authority.issue(tmp_path, "edge.test")])
    async with (
        upstream(cut) as behind,
        plane([route(behind.port)]) as edge,
        listening(edge, tls=certificates) as port,
    ):
        with pytest.raises((ssl.SSLEOFError, ConnectionResetError)):
            await asyncio.to_thread(_read_to_the_end, authority.client(), port.port, asks("edge.test"))


@pytest.mark.parametrize("ending", ["close_notify", "no word"])
async def test_a_client_that_ends_its_side_has_ended_its_request(
    authority: Authority, tmp_path: Path, ending: str
) -> None:
    """Also at the upstream: TLS tells the edge of an end, but lets it answer nothing any more."""
    asked = asyncio.Event()

    async def silent(served: Served) -> None:
        await served.head()
        asked.set()
        await served.reader.read()

    certificates = Certificates([authority.issue(tmp_path, "edge.test")])
    async with (
        upstream(silent) as behind,
        plane([route(behind.port)]) as edge,
        listening(edge, tls=certificates) as port,
    ):
        client = await port.tls(authority.client())
        await client.send(asks("edge.test"))
        async with asyncio.timeout(DEADLINE):
            await asked.wait()
            if ending == "close_notify":
                client.close()
            else:
                client.writer.transport.abort()
            await behind.gone.wait()
        assert (await edge.visit()).stage == "response"


async def test_a_client_that_reads_slowly_gets_its_last_answer_whole(authority: Authority, tmp_path: Path) -> None:
    size = 2 * 1024 * 1024
    large = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + bytes(size)
    async with served(authority, tmp_path, large) as (port, _):
        context, octets = authority.client(), asks("edge.test", "/api/x", "Connection: close")
        with socket.create_connection(("127.0.0.1", port.port), timeout=DEADLINE) as plain:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
            client = await asyncio.to_thread(context.wrap_socket, plain, server_hostname="edge.test")
            with client:
                await asyncio.to_thread(client.sendall, octets)
                (connection,) = port.server.server_state.connections
                # the time of a client that has taken all it was sent is over, again and again
                received = 0
                while more := await asyncio.to_thread(client.recv, 64 * 1024):
                    received += len(more)
                    if connection._ending and not connection.closed:  # type: ignore[union-attr]
                        connection.expire()  # type: ignore[union-attr]
        assert received > size


async def test_a_client_that_never_ends_its_side_is_parted_from(authority: Authority, tmp_path: Path) -> None:
    async with served(authority, tmp_path) as (port, _):

        def ask() -> bytes:
            with (
                socket.create_connection(("127.0.0.1", port.port), timeout=DEADLINE) as plain,
                authority.client().wrap_socket(plain, server_hostname="edge.test") as client,
            ):
                client.sendall(asks("edge.test", "/api/x", "Connection: close"))
                with socket.socket(fileno=os.dup(client.fileno())) as raw:  # TLS itself would answer its end
                    raw.settimeout(DEADLINE)
                    answer = b""
                    while more := raw.recv(65536):
                        answer += more
            return answer

        assert await asyncio.to_thread(ask)


async def test_an_idle_connection_is_ended_when_its_time_is_over(authority: Authority, tmp_path: Path) -> None:
    async with served(authority, tmp_path, limits=ClientLimits(head_seconds=0.5, idle_seconds=0.1)) as (port, _):
        client = await port.tls(authority.client())
        await client.send(asks("edge.test"))
        await client.answer()
        assert await client.ended() == b""


async def test_pipelined_requests_are_answered_in_order(authority: Authority, tmp_path: Path) -> None:
    async with served(authority, tmp_path) as (port, _):
        client = await port.tls(authority.client())
        await client.send(b"".join(asks("edge.test", "/api/x", f"X-Request-ID: r{n}") for n in range(12)))
        assert [(await client.answer()).fields["x-request-id"] for _ in range(12)] == [f"r{n}" for n in range(12)]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
async def test_a_session_is_resumed_and_still_knows_its_host(
    authority: Authority, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    async with served(authority, tmp_path) as (port, _):

        def twice() -> tuple[bool | None, list[bytes]]:
            context = authority.client()
            context.maximum_version = version
            session, answers = None, []
            for host in ("edge.test", "other.test"):
                with (
                    socket.create_connection(("127.0.0.1", port.port), timeout=DEADLINE) as plain,
                    context.wrap_socket(plain, server_hostname="edge.test", session=session) as client,
                ):
                    client.sendall(asks(host))
                    answers.append(client.recv(65536)[:12])
                    session, resumed = client.session, client.session_reused
            return resumed, answers

        assert await asyncio.to_thread(twice) == (True, [b"HTTP/1.1 200", b"HTTP/1.1 421"])
