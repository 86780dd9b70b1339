"""Bodies on their way: as they come, in bounded memory, whatever their pieces; and answers before their time."""

import asyncio

import pytest

from edge.client import ClientConnection
from edge.exchange import Exchange
from tests.edge.auth.waiting import until
from tests.edge.faults.chaos import Harm, Pass, chaos
from tests.edge.plane import DEADLINE, OK, Served, answering, plane, request, route, upstream
from tests.edge.test_data_plane_attacks import connect_with_small_buffers

MEBIBYTE = 1024 * 1024
BUFFERED = 64 * 1024 + 256 * 1024
"""What may wait in one transport: up to where it says that it is full, and one read of the other side."""


# -- as they come --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "event"),
    [
        pytest.param(b"Transfer-Encoding: chunked\r\n", b"9\r\ndata: 1\n\n\r\n", id="in chunks"),
        pytest.param(b"Connection: close\r\n", b"data: 1\n\n", id="up to the end"),
    ],
)
async def test_each_event_arrives_before_the_next_is_sent(head: bytes, event: bytes) -> None:
    arrived = asyncio.Semaphore(0)

    async def events(served: Served) -> None:
        await served.head()
        await served.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" + head + b"\r\n")
        for _ in range(3):
            await arrived.acquire()
            await served.send(event)
        await served.reader.read()

    async with upstream(events) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        await client.send(request())
        async with asyncio.timeout(DEADLINE):
            assert (await client.head())[0] == 200
            for _ in range(3):
                arrived.release()
                assert await client.reader.readexactly(14) == b"9\r\ndata: 1\n\n\r\n"


EXCHANGES = {
    "a length": (
        b"POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world",
        b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello again",
        b"hello again",
    ),
    "chunks and trailers": (
        b"POST /api/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTrailer: X-T\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nX-T: 1\r\n\r\n",
        b"hello",
    ),
    "hints before": (
        b"GET /api/x HTTP/1.1\r\nHost: a\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"ok",
    ),
    "no body": (b"GET /api/x HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    "not modified": (
        b"GET /api/x HTTP/1.1\r\nHost: a\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\nETag: x\r\n\r\n",
        b"",
    ),
}


@pytest.mark.parametrize("piece", [1, 2, 3, 7])
@pytest.mark.parametrize("exchange", EXCHANGES)
async def test_pieces_change_nothing(exchange: str, piece: int) -> None:
    asked, answer, body = EXCHANGES[exchange]

    async def twice(served: Served) -> None:
        for _ in range(2):
            head = await served.head()
            if b"chunked" in head:
                await served.reader.readuntil(b"0\r\n\r\n")
            elif b"Content-Length" in head:
                await served.reader.readexactly(11)
            await served.send(answer)

    sliced = Harm(up=[Pass(piece=piece)], down=[Pass(piece=piece)])
    async with (
        upstream(twice) as behind,
        chaos(behind.port, sliced) as proxy,
        plane([route(proxy.port)]) as edge,
    ):
        client = await edge.connect()
        for _ in range(2):
            for at in range(0, len(asked), piece):
                await client.send(asked[at : at + piece])
                await asyncio.sleep(0)  # lets the edge read this piece by itself
            read = await client.answer()
            if read.status == 103:
                read = await client.answer()
            assert read.body == body
            assert not {"trailer", "x-t"} & read.fields.keys()
        assert proxy.connections == 1


# -- bounded memory ------------------------------------------------------------------------------------------------


async def test_a_slow_reader_of_a_large_answer_is_buffered_little() -> None:
    size, most = 64 * MEBIBYTE, 0

    async def large(served: Served) -> None:
        nonlocal most
        await served.head()
        await served.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // MEBIBYTE):
            await served.send(bytes(MEBIBYTE))
            most = max(most, edge.served[0].transport.get_write_buffer_size())

    async with upstream(large) as behind, plane([route(behind.port)]) as edge:
        client = await connect_with_small_buffers(edge)
        await client.send(request())
        await client.head()
        left = size
        while left:
            left -= len(await client.reader.readexactly(min(left, MEBIBYTE)))
            await asyncio.sleep(0)
        assert 0 < most <= BUFFERED


async def test_a_slow_upstream_of_a_large_body_is_buffered_little() -> None:
    size, most, got = 64 * MEBIBYTE, 0, 0

    async def slow(served: Served) -> None:
        nonlocal most, got
        await served.head()
        while got < size:
            got += len(await served.reader.read(65536))
            exchange = edge.served[0].exchange
            assert isinstance(exchange, Exchange)
            most = max(most, exchange.connection.transport.get_write_buffer_size())
            await asyncio.sleep(0)
        await served.send(OK)

    async with upstream(slow) as behind, plane([route(behind.port, max_body_bytes=size)]) as edge:
        client = await edge.connect()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(client.send(request("/api/x", method="POST", body=bytes(size))))
            assert (await client.answer()).status == 200
        assert got == size
        assert 0 < most <= BUFFERED


async def test_bodies_whose_turn_has_not_come_are_not_gathered() -> None:
    asked, go = asyncio.Event(), asyncio.Event()
    post = request("/api/x", method="POST", body=bytes(60_000))

    async def first_waits(served: Served) -> None:
        while True:
            head = await served.head()
            if head.startswith(b"GET"):
                asked.set()
                await go.wait()
            else:
                await served.reader.readexactly(60_000)
            await served.send(OK)

    async with upstream(first_waits) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        await client.send(request())
        async with asyncio.timeout(DEADLINE):
            await asked.wait()
        client.writer.write(post * 15)
        await stops_reading(edge.served[0])
        go.set()
        assert [(await client.answer()).status for _ in range(16)] == [200] * 16


async def stops_reading(connection: ClientConnection) -> None:
    await until(lambda: not connection.transport.is_reading())


# -- answers before their time -------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 413])
async def test_an_early_answer_reaches_the_client_and_ends_its_upload(status: int) -> None:
    early = b"HTTP/1.1 %d Early\r\nContent-Length: 5\r\n\r\nearly" % status

    async def hasty(served: Served) -> None:
        await served.head()
        await served.send(early)
        await served.reader.read()

    async with upstream(hasty) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        await client.send(b"POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\npart")
        answer = await client.answer()
        assert (answer.status, answer.body, answer.fields["connection"]) == (status, b"early", "close")
        assert await client.ended() == b""
        async with asyncio.timeout(DEADLINE):
            await behind.gone.wait()
        assert (edge.notes[0].status, edge.notes[0].code) == (status, "")


async def test_an_early_answer_is_whole_also_for_a_client_that_goes_on_sending() -> None:
    size = 8 * MEBIBYTE

    async def hasty(served: Served) -> None:
        await served.head()
        await served.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
        await served.reader.read()

    async with upstream(hasty) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        await client.send(b"POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n")
        assert (await client.head())[0] == 413
        async with asyncio.timeout(DEADLINE):
            for _ in range(size // 65536):
                client.writer.write(bytes(65536))
                await client.reader.readexactly(65536)


async def test_answers_that_are_owed_go_out_whatever_the_client_sends_beyond_its_bound() -> None:
    async with upstream(answering(OK)) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        client.writer.write(request() * 10_000)
        assert [(await client.answer()).status for _ in range(16)] == [200] * 16


async def test_a_refused_client_can_send_the_rest_and_is_not_met_by_a_reset() -> None:
    """A reset could overtake the answer and discard it."""
    async with plane([]) as edge:
        client = await edge.connect()
        await client.send(b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n")
        assert (await client.answer()).status == 400
        for _ in range(100):
            await client.send(b"x")
            await asyncio.sleep(0)


async def test_what_a_lingering_client_sends_is_bounded() -> None:
    async with plane([]) as edge:
        client = await edge.connect()
        await client.send(b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n")
        assert (await client.answer()).status == 400
        client.writer.write(bytes(MEBIBYTE))
        await stops_reading(edge.served[0])
