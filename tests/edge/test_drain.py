"""A worker that is about to end loses no request of a connection that it keeps: what arrives is answered, and said
to be the last; closed is only what stays silent."""

import asyncio
import socket

from edge.client import ClientLimits
from tests.edge.plane import DEADLINE, OK, Served, answering, plane, request, route, upstream


async def test_a_request_that_runs_when_the_drain_begins_is_the_last_of_its_connection() -> None:
    asked, go = asyncio.Event(), asyncio.Event()

    async def slow(served: Served) -> None:
        await served.head()
        asked.set()
        await go.wait()
        await served.send(OK)

    async with upstream(slow) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        await client.send(request())
        async with asyncio.timeout(DEADLINE):
            await asked.wait()
        edge.drain()
        go.set()
        answer = await client.answer()
        assert (answer.status, answer.fields["connection"]) == (200, "close")
        assert await client.ended() == b""


async def test_a_request_on_an_idle_connection_is_answered_after_the_drain_has_begun() -> None:
    async with upstream(answering(OK)) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        await client.send(request())
        assert "connection" not in (await client.answer()).fields
        edge.drain()
        await client.send(request())
        answer = await client.answer()
        assert (answer.status, answer.fields["connection"]) == (200, "close")
        assert await client.ended() == b""


async def test_a_connection_that_stays_silent_is_closed_before_its_idle_time_is_over() -> None:
    async with plane([], limits=ClientLimits(drain_idle_seconds=0.1)) as edge:
        answered, never_asked = await edge.connect(), await edge.connect()
        await answered.send(request("/livez"))
        assert (await answered.answer()).status == 200
        edge.drain()
        assert [await each.ended() for each in (answered, never_asked)] == [b"", b""]


async def test_a_head_that_is_half_there_has_its_time_to_arrive() -> None:
    async with plane([], limits=ClientLimits(drain_idle_seconds=0.1)) as edge:
        slow, silent = await edge.connect(), await edge.connect()
        octets = request("/livez")
        await slow.send(octets[:20])
        await silent.send(request("/livez"))
        await silent.answer()
        edge.drain()
        assert await silent.ended() == b""
        await slow.send(octets[20:])
        assert (await slow.answer()).fields["connection"] == "close"


async def test_an_answer_that_has_begun_before_the_drain_promises_one_more_request() -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def slow(served: Served) -> None:
        await served.head()
        await served.send(OK[:-1])
        begun.set()
        await go.wait()
        await served.send(OK[-1:])
        await served.head()
        await served.send(OK)

    async with upstream(slow) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        await client.send(request())
        status, fields = await client.head()
        assert (status, "connection" in fields) == (200, False)
        edge.drain()
        go.set()
        assert await client.reader.readexactly(2) == b"ok"
        await client.send(request())
        assert (await client.answer()).fields["connection"] == "close"
        assert await client.ended() == b""


async def test_of_several_requests_under_way_the_last_answer_says_close() -> None:
    asked, go = asyncio.Event(), asyncio.Event()

    async def slow(served: Served) -> None:
        while True:
            await served.head()
            asked.set()
            await go.wait()
            await served.send(OK)

    async with upstream(slow) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        await client.send(request() * 3)
        async with asyncio.timeout(DEADLINE):
            await asked.wait()
        edge.drain()
        go.set()
        answers = [await client.answer() for _ in range(3)]
        assert [(each.status, each.fields.get("connection")) for each in answers] == [
            (200, None),
            (200, None),
            (200, "close"),
        ]
        assert await client.ended() == b""


async def test_a_request_that_has_come_when_the_idle_time_is_over_is_answered() -> None:
    async with plane([]) as edge:
        client = await edge.connect()
        await client.send(request("/livez"))
        assert (await client.answer()).status == 200
        (connection,) = edge.connections
        connection.pause_reading()  # as if the loop were busy: the request waits in the kernel
        await client.send(request("/livez"))
        connection.expire()
        connection.resume_reading()
        assert (await client.answer()).status == 200


async def test_a_client_sees_at_once_that_its_silent_connection_is_parted_from() -> None:
    async with plane([]) as edge:
        loop = asyncio.get_running_loop()
        with socket.socket() as ours:
            ours.setblocking(False)
            await loop.sock_connect(ours, ("127.0.0.1", edge.port))
            await loop.sock_sendall(ours, request("/livez"))
            await loop.sock_recv(ours, 4096)
            (connection,) = edge.connections
            connection.expire()
            assert ours.recv(1) == b""  # in the same turn of the loop: nothing that it sends later is lost unseen
