"""One connection to an upstream over a real socket: where an answer ends, and when the connection is used again."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from penstock.errors.v1 import error_reason_pb2 as reasons

from domain.tenants import DEFAULT_TENANT
from edge.deadlines import Deadlines
from edge.http.answer import Framing
from edge.routing import Target
from edge.upstream.connection import MAX_HEAD_BYTES, Switched, UpstreamConnection
from edge.upstream.guard import AddressGuard
from edge.upstream.known import KnownAnswer, KnownAnswers
from edge.upstream.pool import Lease, UpstreamPool
from tests.edge.plane import DEADLINE, OK


@dataclass
class Receiver:
    """Whoever asked: writes down what it is told."""

    bodiless: bool = False
    withheld: frozenset[bytes] = frozenset()
    told: list[object] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    switched: Switched | None = None

    def answer_interim(self, status: int, lines: bytes) -> None:
        self.told.append(status)

    def takes_whole(self) -> bool:
        return False

    def answer_whole(self, known: KnownAnswer, body: bytes) -> None:
        raise AssertionError("it does not take that")

    def answer_begun(self, status: int, lines: bytes, framing: Framing) -> None:
        self.told.append(status)

    def answer_body(self, data: bytes) -> None:
        self.told.append(data)

    def answer_paused(self) -> None:
        pass

    def answer_ended(self) -> None:
        self.told.append("ended")
        self.over.set()

    def upstream_failed(self, reason: reasons.ErrorReason.ValueType) -> None:
        self.told.append(reason)
        self.over.set()

    def expire(self) -> None:
        pass

    def pause_upload(self) -> None:
        pass

    def resume_upload(self) -> None:
        pass


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[UpstreamConnection, socket.socket]]:
    """A connection and its far end, whose every octet a test decides."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    loop = asyncio.get_running_loop()
    ours.setblocking(False)
    transport, connection = await loop.create_connection(
        lambda: UpstreamConnection(Deadlines(), KnownAnswers()), sock=ours
    )
    try:
        yield connection, theirs
    finally:
        transport.abort()
        theirs.close()
        await asyncio.sleep(0)  # lets the transport go


async def told(receiver: Receiver) -> list[object]:
    async with asyncio.timeout(DEADLINE):
        await receiver.over.wait()
    return receiver.told


async def test_an_answer_that_came_before_a_reset_is_read_although_writing_fails() -> None:
    """A server that refuses an upload answers and closes with octets unread: the kernel resets what still comes."""
    async with connected() as (connection, theirs):
        receiver = Receiver()
        connection.begin(receiver, b"POST / HTTP/1.1\r\n\r\n")
        theirs.recv(1)  # the rest stays unread
        theirs.sendall(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlarge")
        theirs.close()
        for _ in range(3):  # the first one at the latest brings the reset, the next one fails
            connection.send(b"more")
        assert await told(receiver) == [413, b"large", "ended"]


async def test_a_reset_with_no_answer_before_it_is_a_reset() -> None:
    async with connected() as (connection, theirs):
        receiver = Receiver()
        connection.begin(receiver, b"POST / HTTP/1.1\r\n\r\n")
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        theirs.close()
        connection.send(b"more")
        assert await told(receiver) == [reasons.ERROR_REASON_DOWNSTREAM_RESET]


@pytest.mark.parametrize("over", [0, 1], ids=["as long as a head may be", "one octet longer"])
@pytest.mark.parametrize("body", [b"", b"body"], ids=["alone", "with its body"])
async def test_a_head_is_too_large_whatever_comes_in_the_same_read(over: int, body: bytes) -> None:
    length = b"Content-Length: %d\r\n" % len(body)
    filler = MAX_HEAD_BYTES - len(length) - len(b"X: \r\n") + over
    octets = b"HTTP/1.1 200 OK\r\n" + length + b"X: " + b"x" * filler + b"\r\n\r\n" + body
    async with connected() as (connection, _):
        receiver = Receiver()
        connection.begin(receiver, b"")
        connection.data_received(octets)
        assert receiver.told[-1] == (reasons.ERROR_REASON_DOWNSTREAM_INVALID if over else "ended")


async def test_a_connection_that_the_server_closed_is_not_used_from_that_moment_on() -> None:
    async with connected() as (connection, _):
        receiver = Receiver()
        connection.begin(receiver, b"")
        connection.data_received(OK)
        assert connection.reusable
        connection.eof_received()
        assert not connection.reusable


async def test_a_request_can_be_repeated_after_any_wait_in_the_pool() -> None:
    """Also one that the connection never carried: its client left while it was made."""
    pool = UpstreamPool(AddressGuard(), Deadlines())
    lease = Lease(Target("127.0.0.1", 1), DEFAULT_TENANT, trusted=True)
    async with connected() as (connection, _):
        assert not connection.pooled
        pool.release(lease, connection, 0.0)
        assert pool.idle(lease, 1.0) is connection
        assert connection.pooled


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("line", [b"", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"])
async def test_an_answer_that_has_no_body_ends_with_its_head(status: int, line: bytes) -> None:
    async with connected() as (connection, _):
        for _ in range(2):
            receiver = Receiver()
            connection.begin(receiver, b"")
            connection.data_received(b"HTTP/1.1 %d X\r\n%b\r\n" % (status, line))
            assert receiver.told == [status, "ended"]
            assert connection.reusable


async def test_half_an_end_fails_an_upload_that_is_stuck() -> None:
    """The transport would close itself only after it has sent what it holds, and the server takes nothing."""
    async with connected() as (connection, theirs):
        receiver = Receiver()
        connection.begin(receiver, b"POST / HTTP/1.1\r\n\r\n")
        connection.send(bytes(32 * 1024 * 1024))
        theirs.shutdown(socket.SHUT_WR)
        assert await told(receiver) == [reasons.ERROR_REASON_DOWNSTREAM_RESET]
