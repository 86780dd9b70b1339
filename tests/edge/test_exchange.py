"""Whose fault it is that an exchange does not go on."""

import asyncio

import pytest

from edge.routing import CorsRules, Timeouts
from tests.edge.plane import OK, Served, answering, plane, request, route, upstream

MEBIBYTE = 1024 * 1024


async def test_an_http_10_client_sees_a_cut_answer_as_one() -> None:
    async def cut(served: Served) -> None:
        await served.head()
        await served.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
        await asyncio.Event().wait()

    async with upstream(cut) as up, plane([route(up.port, timeouts=Timeouts(idle=0.3))]) as edge:
        client = await edge.connect()
        await client.send(b"GET /api/x HTTP/1.0\r\nHost: localhost\r\n\r\n")
        status, fields = await client.head()
        assert (status, "transfer-encoding" in fields) == (200, False)
        assert await client.reader.readexactly(4) == b"half"
        with pytest.raises(ConnectionResetError):
            await client.reader.read()


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
