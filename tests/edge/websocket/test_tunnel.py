"""A tunnel between real ends: what passes, and how it ends."""

import asyncio
import random
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import InvalidStatus
from websockets.protocol import SERVER, Protocol, State

from edge.routing import WebSocketLimits
from edge.websocket.frames import BINARY, CLOSE, CONTINUATION, PING, TEXT, FrameReader, close_frame
from edge.websocket.tunnel import NEXT, Event, Passage
from tests.edge.plane import DEADLINE, Served, plane, request, upstream
from tests.edge.websocket.ends import HANDSHAKE, agree, asked, closing, echo, opened, tunnelled, ws_route
from tests.edge.websocket.octets import KEY, frame


async def test_messages_pass_both_ways() -> None:
    async with tunnelled() as (edge, _), opened(edge) as client:
        for message in ("hello", b"\x00\xff", "", "x" * 100_000):
            await client.send(message)
            assert await client.recv() == message


async def test_fragments_and_pings_pass() -> None:
    async with tunnelled() as (edge, _), opened(edge) as client:
        await client.send(["a", "b", "c"])
        assert await client.recv() == "abc"
        async with asyncio.timeout(DEADLINE):
            await (await client.ping(b"?"))


async def test_compressed_messages_pass_where_both_ends_agree_on_it() -> None:
    async with tunnelled(server_options={"compression": "deflate"}) as (edge, _):
        async with opened(edge, compression="deflate") as client:
            await client.send("x" * 100_000)
            assert await client.recv() == "x" * 100_000
            assert [each.name for each in client.protocol.extensions] == ["permessage-deflate"]
        visit = await edge.visit()
        assert visit.request.body_bytes < 1000


async def test_the_server_chooses_a_subprotocol() -> None:
    chooses_b = tunnelled(server_options={"subprotocols": ["b"]})
    async with chooses_b as (edge, _), opened(edge, subprotocols=["a", "b"]) as client:
        assert client.subprotocol == "b"


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "away"), (3000, "own"), (4999, "ünicode")])
async def test_the_clients_close_code_reaches_the_server(code: int, reason: str) -> None:
    async with tunnelled() as (edge, behind):
        async with opened(edge) as client:
            await client.close(code, reason)
            assert await behind.ended() == [code]
            assert behind.connections[0].close_reason == reason
        assert (await edge.visit()).close_code == code


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1011, "fault"), (4000, "own")])
async def test_the_servers_close_code_reaches_the_client(code: int, reason: str) -> None:
    async def leave(connection: ServerConnection) -> None:
        await connection.close(code, reason)

    async with tunnelled(leave) as (edge, behind):
        async with opened(edge) as client:
            assert await closing(client) == (code, reason)
            assert await behind.ended() == [code]  # which has heard the client's answer
        assert (await edge.visit()).close_code == code


async def test_a_message_that_is_too_big_ends_the_tunnel() -> None:
    async with tunnelled(websocket=WebSocketLimits(max_message_bytes=1000)) as (edge, behind):
        async with opened(edge) as client:
            await client.send("x" * 1000)
            assert await client.recv() == "x" * 1000
            await client.send("x" * 1001)
            assert await closing(client) == (1009, "a message that is too big")
            assert await behind.ended() == [1001]
        assert (await edge.visit()).close_code == 1009


async def test_too_many_messages_end_the_tunnel() -> None:
    async with tunnelled(websocket=WebSocketLimits(messages=(5, 60.0))) as (edge, behind):
        async with opened(edge) as client:
            for number in range(5):
                await client.send(str(number))
                assert await client.recv() == str(number)
            await client.send("one more")
            assert await closing(client) == (1008, "too many messages")
        assert await behind.ended() == [1001]


async def test_a_server_that_vanishes_is_no_orderly_end() -> None:
    async def vanish(connection: ServerConnection) -> None:
        await connection.send("last words")
        connection.transport.abort()

    async with tunnelled(vanish) as (edge, _):
        async with opened(edge) as client:
            assert await client.recv() == "last words"
            assert await closing(client) == (1006, "")
        visit = await edge.visit()
        assert (visit.close_code, visit.code, visit.stage) == (1006, "DOWNSTREAM_RESET", "tunnel")


async def test_a_client_that_vanishes_is_no_orderly_end() -> None:
    async with tunnelled() as (edge, behind):
        async with opened(edge) as client:
            await client.send("last words")
            await client.recv()
            client.transport.abort()
            assert await behind.ended() == [1006]
        visit = await edge.visit()
        assert (visit.close_code, visit.code, visit.stage) == (1006, "", "")


async def test_a_tunnel_that_is_over_writes_nothing_more() -> None:
    """The worker's loop fails on a write to a connection that is lost."""
    async with tunnelled() as (edge, behind):
        async with opened(edge) as client:
            (inside,) = edge.connections
            opening = inside.exchange
            assert opening is not None
            client.transport.abort()
            assert await behind.ended() == [1006]
        visit = await edge.visit()
        opening.close_after()
        opening.client_gone()
        assert visit.close_code == 1006


async def test_a_drain_ends_every_tunnel() -> None:
    async with tunnelled() as (edge, behind):
        async with opened(edge) as client, opened(edge) as other:
            edge.drain()
            assert [await closing(each) for each in (client, other)] == [(1012, "the gateway restarts")] * 2
            assert await behind.ended(2) == [1001, 1001]
        visit = await edge.visit(2)
        assert (visit.status, visit.close_code) == (101, 1012)


async def test_silence_ends_the_tunnel() -> None:
    async with tunnelled(websocket=WebSocketLimits(idle_seconds=0.2)) as (edge, behind), opened(edge) as client:
        assert await closing(client) == (1001, "nothing has passed for too long")
        assert await behind.ended() == [1001]


async def test_an_answer_that_is_no_agreement_reaches_the_client() -> None:
    async with tunnelled(server_options={"process_request": lambda connection, _: connection.respond(418, "tea")}) as (
        edge,
        _,
    ):
        with pytest.raises(InvalidStatus) as refused:
            await opened(edge)
        assert refused.value.response.status_code == 418
        assert refused.value.response.body == b"tea"
        assert (await edge.visit()).close_code == 0


@pytest.mark.parametrize("passage", Passage)
@pytest.mark.parametrize("event", Event)
def test_a_direction_that_is_shut_stays_shut_and_none_opens_again(passage: Passage, event: Event) -> None:
    order = list(Passage)
    after = NEXT.get((passage, event), passage)
    assert order.index(after) >= order.index(passage)
    assert event not in (Event.CUT, Event.CLOSED) or passage is not Passage.OPEN or after is Passage.SHUT


async def test_a_server_that_breaks_the_protocol_is_at_fault() -> None:
    async def babble(served: Served) -> None:
        await agree(served, rest=frame(b"hello", mask=b"") + frame(b"masked"))
        await served.reader.read()

    async with upstream(babble) as behind, plane([ws_route(behind.port)]) as edge:
        client = await asked(edge)
        assert (await client.answer(head_only=True)).status == 101
        await client.send(frame(b"\x03\xe8", CLOSE))
        assert await client.ended() == frame(b"hello", mask=b"") + close_frame(1014, "a server's frame is masked")
        visit = await edge.visit()
        assert (visit.close_code, visit.code) == (1014, "DOWNSTREAM_INVALID")


async def test_a_drain_lets_the_frame_under_way_end() -> None:
    begun, got = asyncio.Event(), bytearray()
    octets = frame(b"x" * 200)

    async def listen(served: Served) -> None:
        await agree(served, rest=frame(b"y" * 100, mask=b"")[:50])
        while data := await served.reader.read(1000):
            got.extend(data)
            begun.set()
            if len(got) > len(octets):
                await served.send(frame(b"y" * 100, mask=b"")[50:] + frame(b"\x03\xe9", CLOSE, mask=b""))

    async with upstream(listen) as behind, plane([ws_route(behind.port)]) as edge:
        client = await asked(edge)
        assert (await client.answer(head_only=True)).status == 101
        await client.send(octets[:50])
        async with asyncio.timeout(DEADLINE):
            await begun.wait()
        edge.drain()
        await client.send(octets[50:] + frame(b"not this"))
        assert await client.ended() == frame(b"y" * 100, mask=b"") + close_frame(1012, "the gateway restarts")
        assert (await edge.visit()).close_code == 1012
        reader = FrameReader(masked=True, extended=False)
        assert reader.feed(bytes(got)) == bytes(got)
        assert (reader.frames, reader.closed) == (2, 1001)


async def test_a_side_that_takes_nothing_stops_the_other() -> None:
    piece, goal = frame(b"x" * 60_000, BINARY, mask=b""), 100_000_000
    sent, stands, go = 0, asyncio.Event(), asyncio.Event()

    async def gush(served: Served) -> None:
        nonlocal sent
        await agree(served)
        while sent < goal:
            sent += len(piece)
            try:
                async with asyncio.timeout(1):
                    await served.send(piece)
            except TimeoutError:
                stands.set()
                await served.writer.drain()
        await go.wait()

    async with upstream(gush) as behind, plane([ws_route(behind.port)]) as edge:
        client = await edge.connect()
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await client.send(request("/api/ws", *HANDSHAKE))
        async with asyncio.timeout(DEADLINE):
            await stands.wait()
        assert sent < goal
        (inside,) = edge.connections
        assert 0 < inside.transport.get_write_buffer_size() <= 512 * 1024
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
        await client.answer(head_only=True)
        while sent < goal:
            await client.reader.read(1 << 20)
        go.set()


@pytest.mark.parametrize("seed", range(40))
async def test_whatever_a_client_sends_a_server_reads_whole_frames_and_an_end(seed: int) -> None:
    """The oracle is a reader of its own: no octet is read in another way by the edge than by who stands behind it."""
    chance = random.Random(seed)  # noqa: S311 - a schedule
    kinds = [CONTINUATION, TEXT, BINARY, PING, 0x3, 0xB]
    octets = b"".join(
        frame(
            chance.randbytes(chance.choice([0, 1, 125, 126, 200])),
            chance.choice(kinds),
            final=chance.random() < 0.8,
            mask=KEY if chance.random() < 0.95 else b"",
        )
        for _ in range(8)
    )
    mutated = bytearray(octets)
    for _ in range(chance.choice([0, 1, 3])):
        mutated[chance.randrange(len(mutated))] = chance.randrange(256)
    got = bytearray()

    async def listen(served: Served) -> None:
        await agree(served)
        while data := await served.reader.read(1000):
            got.extend(data)

    async with upstream(listen) as behind, plane([ws_route(behind.port)]) as edge:
        client = await asked(edge)
        assert (await client.answer(head_only=True)).status == 101
        at = 0
        while at < len(mutated):
            step = chance.randrange(1, 400)
            await client.send(bytes(mutated[at : at + step]))
            at += step
        client.writer.write_eof()
        await client.ended()
        async with asyncio.timeout(DEADLINE):
            await behind.gone.wait()
    other = Protocol(SERVER, state=State.OPEN, max_size=None)
    other.receive_data(bytes(got))
    assert other.parser_exc is None or "incomplete" in str(other.parser_exc)  # it takes no Close between fragments
    mine, ours = (FrameReader(masked=True, extended=False) for _ in range(2))
    relayed = mine.feed(bytes(mutated))
    assert got.startswith(relayed)
    assert ours.feed(bytes(got[len(relayed) :])) == got[len(relayed) :]
    assert (ours.frames, ours.closed) == ((1, 1001) if mine.fault is not None else (0, 0))


def contexts(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Of a server on loopback, and of clients that trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, own = folder / "certificate.pem", folder / "key.pem"
    pem.write_bytes(certificate.public_bytes(Encoding.PEM))
    own.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    served, trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=pem)
    served.load_cert_chain(pem, own)
    return served, trusted


async def test_tunnels_pass_over_tls(tmp_path: Path) -> None:
    served, trusted = contexts(tmp_path)
    async with tunnelled() as (edge, behind):
        loop = asyncio.get_running_loop()
        state = SimpleNamespace(connections=edge.connections, tasks=set())
        listener = await loop.create_server(lambda: edge.protocol(None, state, None, loop), "127.0.0.1", 0, ssl=served)
        port = listener.sockets[0].getsockname()[1]
        async with connect(f"wss://127.0.0.1:{port}/api/ws", ssl=trusted, proxy=None) as client:
            for message in ("hello", "x" * 500_000):
                await client.send(message)
                assert await client.recv() == message
            await client.close(3000, "bye")
        assert await behind.ended() == [3000]
        listener.close()


async def test_an_echo_under_load_loses_nothing() -> None:
    unlimited = WebSocketLimits(messages=None)
    async with tunnelled(echo, websocket=unlimited) as (edge, _):

        async def talk(number: int) -> None:
            async with opened(edge) as client:
                for size in range(0, 3000, 100):
                    await client.send(f"{number}" * size)
                    assert await client.recv() == f"{number}" * size

        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            for number in range(20):
                tasks.create_task(talk(number))
