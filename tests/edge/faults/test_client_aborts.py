"""A client that goes away, in each phase of its request: the upstream's part ends with it, and it is written down."""

import asyncio
import socket
import struct

import pytest

from edge.routing import Timeouts
from tests.edge.faults.servers import black_hole
from tests.edge.plane import DEADLINE, OK, Connection, Plane, Served, answering, plane, request, route, upstream

POST = b"POST /api/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"


def leave(client: Connection, by: str) -> None:
    if by == "a reset":
        connection = client.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.writer.transport.abort()


async def assert_gone(edge: Plane, status: int, stage: str) -> None:
    """The books know of the client's leaving and blame nobody: no code, and the phase in which it left."""
    await edge.visit()
    note = edge.notes[0]
    assert (note.status, note.code, note.stage) == (status, "", stage)
    assert b'"code":""' in edge.lines[0]
    assert edge.tally.requests[note.method, "/api", status].count == 1


leaving = pytest.mark.parametrize("by", ["an end", "a reset"])


async def test_while_a_connection_is_made_nothing_is_sent() -> None:
    with black_hole() as port:
        async with plane([route(port, timeouts=Timeouts(connect=0.3))]) as edge:
            client = await edge.connect()
            await client.send(request())
            leave(client, "a reset")
            await assert_gone(edge, 0, "connect")


@leaving
async def test_before_the_head_of_the_answer(by: str) -> None:
    asked = asyncio.Event()

    async def silent(served: Served) -> None:
        await served.head()
        asked.set()
        await served.reader.read()

    async with upstream(silent) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        await client.send(request())
        async with asyncio.timeout(DEADLINE):
            await asked.wait()
            leave(client, by)
            await behind.gone.wait()
        await assert_gone(edge, 0, "response")


@leaving
async def test_in_the_middle_of_its_upload(by: str) -> None:
    come, got = asyncio.Event(), b""

    async def reading(served: Served) -> None:
        nonlocal got
        await served.head()
        got = await served.reader.readexactly(5)
        come.set()
        got += await served.reader.read()

    async with upstream(reading) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        await client.send(POST + b"hello")
        async with asyncio.timeout(DEADLINE):
            await come.wait()
            leave(client, by)
            await behind.gone.wait()
        assert got == b"hello"  # and the upstream sees that it is not whole
        await assert_gone(edge, 0, "response")


@leaving
async def test_in_the_middle_of_its_answer(by: str) -> None:
    async def endless(served: Served) -> None:
        await served.head()
        await served.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
        await served.reader.read()

    async with upstream(endless) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        await client.send(request())
        async with asyncio.timeout(DEADLINE):
            assert (await client.head())[0] == 200
            assert await client.reader.readexactly(6) == b"1\r\nx\r\n"
            leave(client, by)
            await behind.gone.wait()
        await assert_gone(edge, 200, "idle")


async def test_after_half_an_end_the_edge_still_gives_its_own_answers() -> None:
    async with upstream(answering(OK)) as behind, plane([route(behind.port)]) as edge:
        for path, status in (("/livez", 200), ("/nowhere", 404)):
            client = await edge.connect()
            await client.send(request(path))
            client.writer.write_eof()
            assert (await client.answer()).status == status
            assert await client.ended() == b""
