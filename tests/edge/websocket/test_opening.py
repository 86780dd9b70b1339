"""Before a tunnel opens its request is judged like any other, and its upstream must agree in so many words."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest

from edge.routing import Auth, CorsRules, WebSocketLimits
from edge.websocket.frames import close_frame
from tests.edge.plane import DEADLINE, OK, Served, answering, plane, refused, request, route, upstream
from tests.edge.websocket.ends import HANDSHAKE, agree, asked, closing, opened, tunnelled, ws_route
from tests.edge.websocket.octets import frame
from tests.edge.websocket.test_warrant import CALLER, HEADERS, TOKEN, echoes, keyed

ACCEPT = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
SWITCHED = ("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade", ACCEPT)


async def nothing(served: Served) -> None:
    await served.head()


async def test_the_upstream_is_told_who_is_calling_and_what_was_asked_for() -> None:
    async with upstream(agree) as behind, plane([ws_route(behind.port, auth=Auth.REQUIRED)]) as edge:
        keyed(edge)
        client = await asked(
            edge,
            f"Authorization: Bearer {TOKEN.decode()}",
            "Sec-WebSocket-Protocol: chat",
            "Sec-WebSocket-Extensions: permessage-deflate",
            "X-User-ID: somebody",
        )
        answer = await client.answer(head_only=True)
        assert (answer.status, answer.fields["upgrade"], answer.fields["connection"]) == (101, "websocket", "Upgrade")
        assert "x-request-id" in answer.fields
        lines = behind.heads[0].decode().split("\r\n")
        for line in (
            *HANDSHAKE,
            "Sec-WebSocket-Protocol: chat",
            "Sec-WebSocket-Extensions: permessage-deflate",
            f"X-User-ID: {CALLER.id}",
        ):
            assert lines.count(line) == 1
        assert "X-User-ID: somebody" not in lines
        assert not any(line.startswith("Authorization") for line in lines)


async def test_without_a_credential_the_upstream_is_not_asked() -> None:
    async with upstream(agree) as behind, plane([ws_route(behind.port, auth=Auth.REQUIRED)]) as edge:
        answer = await edge.get("/api/ws", *HANDSHAKE)
        assert (answer.status, answer.code) == (401, "TOKEN_MISSING")
        assert behind.connections == 0


async def test_over_the_limit_the_upstream_is_not_asked() -> None:
    async with upstream(agree) as behind, plane([ws_route(behind.port)]) as edge:
        edge.decide = refused
        answer = await edge.get("/api/ws", *HANDSHAKE)
        assert (answer.status, answer.code) == (429, "RATE_LIMITED")
        assert behind.connections == 0


async def test_an_opened_tunnel_says_what_is_left_of_the_limit() -> None:
    async with upstream(agree) as behind, plane([ws_route(behind.port)]) as edge:
        client = await asked(edge)
        assert "ratelimit" in (await client.answer(head_only=True)).fields


async def test_a_route_without_websockets_refuses_them() -> None:
    async with upstream(agree) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        await client.send(request("/api/ws", *HANDSHAKE) + request())
        answer = await client.answer()
        assert (answer.status, answer.code, answer.fields["upgrade"]) == (426, "UPGRADE_REQUIRED", "HTTP/1.1")
        assert await client.ended() == b""
        assert behind.connections == 0


async def test_a_route_with_websockets_takes_ordinary_requests_too() -> None:
    async with upstream(answering(OK)) as behind, plane([ws_route(behind.port)]) as edge:
        assert (await edge.get("/api/x")).body == b"ok"
        assert (await edge.get("/api/x", "Connection: Upgrade", "Upgrade: h2c")).body == b"ok"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        (("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 8"), 426),
        (("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Key: x"), 400),
        (("Connection: Upgrade", "Connection: keep-alive"), 426),
    ],
)
async def test_a_handshake_that_is_not_valid_is_refused(changes: tuple[str, str], status: int) -> None:
    async with upstream(agree) as behind, plane([ws_route(behind.port)]) as edge:
        answer = await edge.get("/api/ws", *(line.replace(*changes) for line in HANDSHAKE))
        assert answer.status == status
        assert behind.connections == 0


@pytest.mark.parametrize(
    "lines",
    [
        SWITCHED[:3],
        (*SWITCHED[:3], "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        (SWITCHED[0], *SWITCHED[2:]),
        (*SWITCHED[:2], SWITCHED[3]),
        (*SWITCHED, "Sec-WebSocket-Protocol: unasked"),
        (*SWITCHED, "Sec-WebSocket-Extensions: permessage-deflate"),
    ],
    ids=["no accept", "another accept", "no upgrade", "no connection", "another subprotocol", "an extension"],
)
async def test_an_upstream_that_does_not_agree_as_it_was_asked_is_at_fault(lines: tuple[str, ...]) -> None:
    octets = "\r\n".join((*lines, "", "")).encode()
    async with upstream(answering(octets)) as behind, plane([ws_route(behind.port)]) as edge:
        answer = await edge.get("/api/ws", *HANDSHAKE)
        assert (answer.status, answer.code) == (502, "DOWNSTREAM_INVALID")


async def test_nobody_who_asked_for_nothing_gets_another_protocol() -> None:
    octets = "\r\n".join((*SWITCHED, "", "")).encode()
    async with upstream(answering(octets)) as behind, plane([ws_route(behind.port)]) as edge:
        assert (await edge.get("/api/x")).status == 502


async def test_frames_behind_the_agreement_reach_the_client() -> None:
    async def greet(served: Served) -> None:
        await agree(served, rest=frame(b"hello", mask=b""), before=b"HTTP/1.1 103 Early Hints\r\n\r\n")
        await served.reader.read()

    async with upstream(greet) as behind, plane([ws_route(behind.port)]) as edge:
        client = await asked(edge)
        assert [(await client.answer(head_only=True)).status for _ in range(2)] == [103, 101]
        async with asyncio.timeout(DEADLINE):
            assert await client.reader.readexactly(7) == frame(b"hello", mask=b"")


async def test_a_client_that_does_not_wait_for_the_agreement_is_refused() -> None:
    async with upstream(agree) as behind, plane([ws_route(behind.port)]) as edge:
        client = await edge.connect()
        await client.send(request("/api/ws", *HANDSHAKE) + frame(b"too early"))
        answer = await client.answer()
        assert (answer.status, answer.code) == (400, "BAD_REQUEST")
        assert (await edge.visit()).close_code == 0


async def test_a_client_that_can_send_nothing_more_gets_no_tunnel() -> None:
    heard, go = asyncio.Event(), asyncio.Event()

    async def slow(served: Served) -> None:
        heard.set()
        await go.wait()
        await agree(served)

    async with upstream(slow) as behind, plane([ws_route(behind.port)]) as edge:
        client = await asked(edge)
        async with asyncio.timeout(DEADLINE):
            await heard.wait()
        client.writer.write_eof()
        assert (await client.answer(head_only=True)).status == 100  # is it there?
        go.set()
        while (answer := await client.answer()).status == 100:
            pass
        assert answer.status == 400


async def test_a_silent_upstream_is_given_up() -> None:
    timeouts = replace(route(1).timeouts, response=0.2)

    async def silent(served: Served) -> None:
        await served.head()
        await served.reader.read()

    async with upstream(silent) as behind, plane([ws_route(behind.port, timeouts=timeouts)]) as edge:
        assert (await edge.get("/api/ws", *HANDSHAKE)).status == 504


async def test_a_tunnel_has_a_place_as_long_as_it_is_open() -> None:
    async with tunnelled() as (edge, _):
        async with opened(edge):
            assert edge.tunnels.open == 1
        await edge.visit()
        assert (edge.tunnels.open, edge.tunnels.closed) == (0, {"1000": 1})


async def test_a_full_worker_refuses_before_the_upstream_is_asked() -> None:
    async with tunnelled() as (edge, behind):
        edge.tunnels.open = edge.tunnels.bounds.tunnels
        answer = await edge.get("/api/ws", *HANDSHAKE)
        assert (answer.status, answer.code, answer.fields["retry-after"]) == (503, "OVERLOADED", "5")
        assert behind.connections == []


CORS = CorsRules(frozenset({"https://app.example.com"}), credentials=True)


@pytest.mark.parametrize(
    ("origin", "rules", "status"),
    [
        ("https://app.example.com", CORS, 101),
        ("https://evil.example.com", CORS, 403),
        ("null", CORS, 403),
        ("http://localhost", CORS, 101),
        ("http://localhost:3000", CORS, 403),
        ("https://localhost", CORS, 403),
        ("https://evil.example.com", CorsRules(frozenset({"*"})), 101),
        ("https://evil.example.com", None, 101),
        ("", CORS, 101),
    ],
)
async def test_pages_of_other_origins_open_no_tunnel(origin: str, rules: CorsRules | None, status: int) -> None:
    async with upstream(agree) as behind, plane([ws_route(behind.port, cors=rules)]) as edge:
        client = await asked(edge, *([f"Origin: {origin}"] if origin else []))
        answer = await client.answer(head_only=status == 101)
        assert answer.status == status
        assert behind.connections == (status == 101)
        assert status == 101 or answer.code == "ORIGIN_FORBIDDEN"


async def test_a_tunnel_leaves_one_record_one_line_and_one_count() -> None:
    async with tunnelled() as (edge, _):
        async with opened(edge) as client:
            await client.send("hello")
            await client.recv()
        await edge.visit()
        (note,), (line,) = edge.notes, edge.lines
        assert (note.status, note.request_bytes, note.response_bytes) == (101, 11 + 8, 7 + 4)
        assert b'"close_code":1000' in line
        ((key, count),) = edge.tally.requests.items()
        assert (key, count.count, count.request_bytes) == (("GET", "/api", 101), 1, 0)


async def test_a_tunnel_that_opens_while_the_worker_drains_is_ended_at_once() -> None:
    go = asyncio.Event()

    async def slow(served: Served) -> None:
        await go.wait()
        await agree(served)
        with suppress(ConnectionError):
            await served.reader.read()

    async with upstream(slow) as behind, plane([ws_route(behind.port)]) as edge:
        client = await asked(edge)
        async with asyncio.timeout(DEADLINE):
            await behind.met.wait()
        edge.drain()
        go.set()
        assert (await client.answer(head_only=True)).status == 101
        await client.send(frame(b"\x03\xf4", 0x8))
        assert await client.ended() == close_frame(1012, "the gateway restarts")


async def test_a_credential_opens_and_the_short_way_of_repeats_stays_out_of_it() -> None:
    async with tunnelled(auth=Auth.REQUIRED, websocket=WebSocketLimits()) as (edge, _):
        keyed(edge)
        for _ in range(3):
            async with opened(edge, additional_headers=HEADERS) as client:
                await echoes(client)
                await client.close()
                assert await closing(client) == (1000, "")
