"""What the strict gate lets through, over real connections: whatever the pieces, one reading."""

import asyncio
import re
import time
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from edge.client import ClientLimits, HeadLimits
from edge.routing import Auth
from tests.edge.plane import DEADLINE, OK, Served, answering, plane, refused, request, route, upstream


@pytest.mark.parametrize("pieces", [1, 2], ids=["in one piece", "in two"])
async def test_a_head_is_too_long_however_it_comes(pieces: int) -> None:
    octets = request("/api/x", *(f"X-{number}: {'a' * 1000}" for number in range(42)))
    async with upstream(answering(OK)) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        cut = len(octets) if pieces == 1 else len(octets) - 4
        await client.send(octets[:cut])
        await client.send(octets[cut:])
        answer = await client.answer()
    assert (answer.status, answer.code) == (431, "HEADERS_TOO_LARGE")
    assert behind.heads == []


async def test_spaces_after_a_value_are_none_of_it() -> None:
    async with upstream(answering(OK)) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        await client.send(b"POST /api/x HTTP/1.1\r\nHost: localhost \r\nContent-Length: 0\t\r\nX-A: b \t\r\n\r\n")
        assert (await client.answer()).status == 200
    assert b"X-A: b\r\n" in behind.heads[0]


async def test_a_method_that_is_never_served_is_told_with_those_that_are() -> None:
    async with plane([]) as edge:
        answer = await edge.get(method="TRACE")
    assert (answer.status, answer.fields["allow"]) == (405, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")


@pytest.mark.parametrize("token", ["Bearer psa_abc", "Bearer psg_abc", "bearer  psk_live_abc"])
async def test_our_own_secrets_are_no_upstreams_business(token: str) -> None:
    async with upstream(answering(OK)) as behind:
        passing = route(behind.port)
        passing = replace(passing, service=replace(passing.service, forward_authorization=True))
        async with plane([passing]) as edge:
            assert (await edge.get("/api/x", f"Authorization: {token}")).status == 200
            assert (await edge.get("/api/x", "Authorization: Bearer theirs")).status == 200
    assert b"_abc" not in behind.heads[0]
    assert b"Authorization: Bearer theirs\r\n" in behind.heads[1]


async def reading(served: Served) -> None:
    """Answers each request once it has its body."""
    while True:
        head = (await served.head()).lower()
        if b"content-length: " in head:
            await served.reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r")[0]))
        while b"transfer-encoding: chunked" in head:
            size = int(await served.reader.readuntil(b"\r\n"), 16)
            await served.reader.readexactly(size + 2)
            if not size:
                break
        await served.send(OK)


POST = b"POST /api/x HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
FIRST = {
    "a request without a body": request(),
    "a body with a length": request(method="POST", body=b"GET  / HTTP/1.1\r\n\r\n"),
    "a body in chunks": CHUNKED + b"5;a=b\r\nhello\r\n4\r\n\r\n\r\n\r\n0\r\nX-Sum: 1\r\n\r\n",
    "an empty body in chunks": CHUNKED + b"0\r\n\r\n",
}


@pytest.mark.parametrize("cut", ["in one piece", "octet by octet"])
@pytest.mark.parametrize("first", FIRST)
async def test_the_request_line_is_judged_behind(first: str, cut: str) -> None:
    octets = FIRST[first] + request() + b"\r\n" + request() + b"GET  /api/x HTTP/1.1\r\nHost: a\r\n\r\n"
    pieces = [octets] if cut == "in one piece" else [octets[at : at + 1] for at in range(len(octets))]
    async with upstream(reading) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        for piece in pieces:
            await client.send(piece)
        assert [(await client.answer()).status for _ in range(4)] == [200, 200, 200, 400]
        assert await client.ended() == b""
        assert len(behind.heads) == 3


async def test_fields_that_are_repeated_mean_the_same_for_another_line_and_their_version_counts() -> None:
    async with upstream(reading) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        await client.send(
            request("/api/1") + request("/api/2", method="HEAD") + request("/api/1") + request("/api/%2e")
        )
        assert [(await client.answer(head_only=head)).status for head in (False, True, False)] == [200, 200, 200]
        assert (await client.answer()).code == "AMBIGUOUS_PATH"
        assert [head.split(b" ")[:2] for head in behind.heads] == [
            [b"GET", b"/api/1"],
            [b"HEAD", b"/api/2"],
            [b"GET", b"/api/1"],
        ]
        client = await edge.connect()
        await client.send(request() + request().replace(b"HTTP/1.1", b"HTTP/1.0") + request())
        assert [(await client.answer()).status for _ in range(2)] == [200, 200]
        assert await client.ended() == b""  # HTTP/1.0 that does not ask to be kept
        assert b"Via: 1.0 " in behind.heads[-1]


async def test_equal_fields_mean_a_body_each_time() -> None:
    async with upstream(reading) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        for body in (b"one", b"two", b"GET"):
            await client.send(request(method="POST", body=body))
            assert (await client.answer()).status == 200
        assert [(await edge.visit(number)).request.body_bytes for number in (1, 2, 3)] == [3, 3, 3]


async def test_a_repeated_head_is_refused_when_its_target_is() -> None:
    async with upstream(reading) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        await client.send(request() + request("http://elsewhere/api/x") + request())
        assert [(await client.answer()).status for _ in range(2)] == [200, 400]
        assert await client.ended() == b""


async def test_a_request_that_is_the_last_is_answered_alone() -> None:
    async with upstream(reading) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        await client.send(request("/api/x", "Connection: close") + b"GET  bad\r\n\r\n" + request())
        assert (await client.answer()).status == 200
        assert await client.ended() == b""


async def test_a_flood_of_requests_takes_no_answer_from_those_that_are_served() -> None:
    async with upstream(reading) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        client.writer.write(request() * 20_000)
        assert [(await client.answer()).status for _ in range(16)] == [200] * 16
        assert await client.ended() == b""


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        pytest.param(b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\n\r\n", "URI_TOO_LONG", id="a target"),
        pytest.param(b"GET / HTTP/1.1\r\nX: " + b"a" * 1_000_000, "HEADERS_TOO_LARGE", id="a value"),
        pytest.param(b"GET / HTTP/1.1\r\nX:" + b" " * 1_000_000, "HEADERS_TOO_LARGE", id="spaces"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"a" * 1_000_000, "HEADERS_TOO_LARGE", id="a name"),
    ],
)
async def test_a_refusal_is_read_by_a_client_that_sends_on(octets: bytes, code: str) -> None:
    async with plane([]) as edge:
        client = await edge.connect()
        client.writer.write(octets)
        assert (await client.answer()).code == code


async def test_a_client_that_sends_on_after_a_refusal_is_not_reset() -> None:
    """A reset would take the answer from one that has not read it yet (RFC 9112 §9.6)."""
    async with plane([]) as edge:
        client = await edge.connect()
        await client.send(b"GET  / HTTP/1.1\r\n")
        assert (await client.answer()).code == "BAD_REQUEST"
        assert await client.ended() == b""
        for _ in range(5):
            await client.send(b"X: 1\r\n")


async def test_fields_may_be_as_long_together_as_allowed_and_not_one_octet_more() -> None:
    """Counted as they were sent."""
    fields = b"Host: a\r\nX-A:\t 1\r\n"
    async with plane([], limits=ClientLimits(head=HeadLimits(fields_bytes=len(fields)))) as edge:
        client = await edge.connect()
        await client.send(b"GET / HTTP/1.1\r\n" + fields + b"\r\n")
        assert (await client.answer()).status == 404
        await client.send(b"GET / HTTP/1.1\r\n" + fields.replace(b"1", b"1 ") + b"\r\n")
        answer = await client.answer()
    assert (answer.status, answer.code) == (431, "HEADERS_TOO_LARGE")


CHANGING = [
    "Content-Length",
    "Transfer-Encoding",
    "TE",
    "Connection",
    "Expect",
    "Host",
    "Authorization",
    "X-API-Key",
    "Cookie",
    "X-User-ID",
]
CHANGING += ["x_user_id", "x.tenant.id", "X-Forwarded-For", "X-Request-ID", "Content-Type", "Range"]


@pytest.mark.parametrize("name", CHANGING)
async def test_a_trailer_that_would_change_the_request_is_refused(name: str) -> None:
    async with upstream(reading) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        await client.send(CHUNKED + b"1\r\nx\r\n0\r\nX-Sum: 1\r\n" + name.encode() + b": 1\r\n\r\n" + request())
        assert (await client.answer()).code == "BAD_REQUEST"
        assert await client.ended() == b""
        assert len(behind.heads) == 1


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"1;" + b"e" * 70_000 + b"\r\nx\r\n0\r\n\r\n", id="a long extension"),
        pytest.param((b"1;" + b"e" * 200 + b"\r\nx\r\n") * 500 + b"0\r\n\r\n", id="many extensions"),
        pytest.param(b"1\r\nx\r\n0\r\n" + b"X: y\r\n" * 10_000 + b"\r\n", id="many trailers"),
        pytest.param(b"100000000\r\nx", id="a chunk of 4 GiB"),
    ],
)
async def test_what_a_body_has_besides_data_is_bounded(body: bytes) -> None:
    async with upstream(reading) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        client.writer.write(CHUNKED + body)
        assert (await client.answer()).code == "BAD_REQUEST"


async def test_a_head_that_begins_behind_another_request_has_a_heads_time() -> None:
    async with upstream(reading) as behind, plane([route(behind.port)], limits=ClientLimits(head_seconds=0.2)) as edge:
        client = await edge.connect()
        await client.send(request() + b"GET /api/x HT")
        assert [(await client.answer()).status for _ in range(2)] == [200, 408]
        assert await client.ended() == b""


async def test_as_many_requests_wait_as_are_allowed() -> None:
    async with upstream(reading) as behind, plane([route(behind.port)], limits=ClientLimits(pipelined=3)) as edge:
        client = await edge.connect()
        await client.send(request() * 9)
        answers = [await client.answer() for _ in range(3)]
        assert [answer.fields.get("connection") for answer in answers] == [None, None, "close"]
        assert await client.ended() == b""


EXPECTING = POST + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\n"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"auth": Auth.REQUIRED}, "TOKEN_MISSING", id="without a credential"),
        pytest.param({"max_body_bytes": 3}, "BODY_TOO_LARGE", id="that is too large"),
        pytest.param(
            {"methods": frozenset({"GET"})}, "METHOD_NOT_ALLOWED", id="by a method that the route does not take"
        ),
    ],
)
async def test_no_body_is_asked_for(changes: dict[str, Any], code: str) -> None:
    async with upstream(reading) as behind, plane([route(behind.port, **changes)]) as edge:
        client = await edge.connect()
        await client.send(EXPECTING)
        assert (await client.answer()).code == code
        assert await client.ended() == b""
        assert behind.heads == []


async def test_no_body_is_asked_for_when_it_is_over_the_limit_or_has_nowhere_to_go() -> None:
    async with upstream(reading) as behind, plane([route(behind.port)]) as edge:
        edge.decide = refused
        client = await edge.connect()
        await client.send(EXPECTING)
        assert (await client.answer()).code == "RATE_LIMITED"
        gone = behind.port
    async with plane([route(gone)]) as edge:
        client = await edge.connect()
        await client.send(EXPECTING)
        assert (await client.answer()).code == "DOWNSTREAM_UNREACHABLE"


@pytest.mark.parametrize("path", [b"/api/x", b"/livez"], ids=["for an upstream", "for the edge"])
async def test_a_body_that_is_already_there_is_not_asked_for(path: bytes) -> None:
    async with upstream(reading) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        await client.send(EXPECTING.replace(b"/api/x", path) + b"body" + request())
        assert (await client.answer()).status == (200 if path == b"/api/x" else 405)
        assert (await client.answer()).status == 200


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        pytest.param(b"Expect: 200-ok\r\n", "EXPECTATION_FAILED", id="something else"),
        pytest.param(b"Expect:\r\n", "EXPECTATION_FAILED", id="nothing"),
        pytest.param(b"Expect: y 100-continue\r\n", "EXPECTATION_FAILED", id="it and more"),
        pytest.param(b"Expect: 100-continue, 100-continue\r\n", "EXPECTATION_FAILED", id="it twice in a list"),
        pytest.param(b"Expect: 100-continue\r\n" * 2, "BAD_REQUEST", id="it twice"),
    ],
)
async def test_a_client_may_expect_no(lines: bytes, code: str) -> None:
    async with plane([]) as edge:
        client = await edge.connect()
        await client.send(POST + lines + b"Content-Length: 4\r\n\r\n")
        assert (await client.answer()).code == code
        assert await client.ended() == b""


@pytest.mark.parametrize("path", ["/api/x", "/livez", "/elsewhere"], ids=["an upstream's", "a built-in", "a refusal"])
async def test_an_answer_has_one_date_and_it_is_now(path: str) -> None:
    began = int(time.time())
    async with upstream(reading) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        await client.send(request(path))
        head = await client.reader.readuntil(b"\r\n\r\n")
    [date] = re.findall(rb"\r\nDate: ([^\r]+)\r", head)
    assert began <= parsedate_to_datetime(date.decode()).timestamp() <= time.time()


@pytest.mark.parametrize(
    "line", [b"get /api/x HTTP/1.1", b"BREW /api/x HTTP/1.1", b"M" * 1000 + b" / HTTP/1.1"], ids=len
)
@pytest.mark.parametrize("first", ["", *FIRST])
async def test_an_unknown_method_is_told_the_same_however_it_comes(first: str, line: bytes) -> None:
    async with upstream(reading) as behind, plane([route(behind.port)]) as edge:
        for pieces in ([line], [line[:1], line[1:]], [bytes((octet,)) for octet in line]):
            client = await edge.connect()
            await client.send(FIRST.get(first, b""))
            for piece in (*pieces, b"\r\n", b"Host: a\r\n\r\n"):
                await client.send(piece)
            answers = [await client.answer() for _ in range(1 + bool(first))]
            assert answers[-1].code == "METHOD_NOT_ALLOWED"


async def test_octets_that_are_no_request_are_refused_before_a_line_ends() -> None:
    async with plane([]) as edge:
        client = await edge.connect()
        await client.send(b"\x16\x03\x01\x02\x00\x01")
        assert (await client.answer()).code == "BAD_REQUEST"
        assert await client.ended() == b""


async def silent_until(served: Served, go: asyncio.Event) -> None:
    """Answers a request once told to, unless the edge ends the connection before."""
    await served.head()
    async with asyncio.TaskGroup() as tasks:
        answer, gone = tasks.create_task(go.wait()), tasks.create_task(served.reader.read())
        await asyncio.wait((answer, gone), return_when=asyncio.FIRST_COMPLETED)
        for task in (answer, gone):
            task.cancel()
    if go.is_set():
        await served.send(OK)


@pytest.mark.parametrize("asked", ["before its end", "with its end", "behind another request"])
async def test_a_client_that_is_gone_takes_its_upstream_request_with_it_before_any_answer(asked: str) -> None:
    """The end of its side is all that is seen of it; the rest must be asked for."""
    begun = asyncio.Event()

    async def silent(served: Served) -> None:
        if asked == "behind another request":
            await served.head()
            await served.send(OK)
        begun.set()
        await silent_until(served, asyncio.Event())

    limits = ClientLimits(probe_seconds=0.1)
    async with upstream(silent) as behind, plane([route(behind.port)], limits=limits) as edge:
        client = await edge.connect()
        requests = 2 if asked == "behind another request" else 1
        await client.send(request() * requests)
        async with asyncio.timeout(DEADLINE):
            if asked == "before its end":
                await begun.wait()
            client.close()
            await behind.gone.wait()
        assert (await edge.visit(requests)).stage == "response"


async def test_a_client_that_has_only_ended_its_side_is_answered() -> None:
    go, limits = asyncio.Event(), ClientLimits(probe_seconds=0.05)
    async with (
        upstream(lambda served: silent_until(served, go)) as behind,
        plane([route(behind.port)], limits=limits) as edge,
    ):
        old, new = await edge.connect(), await edge.connect()
        await old.send(request().replace(b"HTTP/1.1", b"HTTP/1.0"))
        old.writer.write_eof()
        await new.send(request())
        new.writer.write_eof()
        for _ in range(2):
            assert (await new.answer()).status == 100
        go.set()
        for client in (new, old):  # HTTP/1.0 knows no interim answer
            assert (await client.answer()).body == b"ok"
            assert await client.ended() == b""
