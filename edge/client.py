"""A client's connection: httptools parses, the strict gate judges, one coroutine answers its requests in order.

Hosted by uvicorn in place of its own HTTP protocol and never handing a connection over to it. Bodies go by
callbacks to whoever took the request; this class never looks at what a request asks for.
"""

import asyncio
import fcntl
import os
import socket
import struct
import termios
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import inf
from typing import Any, Protocol, cast

import httptools
import structlog
from penstock.errors.v1 import error_reason_pb2 as reasons

from domain.identity_fields import fold
from edge.deadlines import Deadlines
from edge.exchange import Exchange
from edge.http.answer import CONTINUE
from edge.http.block import FieldBlock, read_block
from edge.http.chunks import BadChunks, Chunks
from edge.http.fields import NO_TRAILER
from edge.http.forwarded import TrustedProxies
from edge.http.head import Head, read_head
from edge.http.line import RequestLine, read_line
from edge.http.origin import Origin, find_origin, peer_of
from edge.inbound import InboundRequest
from edge.pace import LeastPace, Upload
from edge.problems import Refusal
from edge.repeat import Repeat, Undecided
from edge.standing import Standing
from edge.story import Story, Waiting

log = structlog.get_logger(__name__)

PROBES = 2
"""Of a client that has ended its side: the first brings a reset from one that is gone, the second meets it."""
LINGER_BYTES = 64 * 1024
LINGER_SECONDS = 1.0
TLS_UNSENT_BYTES = 64 * 1024
"""Of an answer that wait to be encrypted, as many as wait in a plain transport; the default for TLS is 512 KiB."""
_HEAD_END = b"\r\n\r\n"
_NOWHERE = Origin("")
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""struct linger (socket(7)): on, for no time."""


@dataclass(frozen=True, slots=True)
class HeadLimits:
    """Bounds of a head: octets of the request line and of all fields together, number of fields. A trailer section may
    be as long as a head's fields; `extension_bytes` bounds all chunk extensions of a body together."""

    line_bytes: int = 8 * 1024
    fields_bytes: int = 32 * 1024
    field_count: int = 100
    extension_bytes: int = 4 * 1024


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """Bounds of a client's connection: of a head, of requests that wait for their turn (the one that fills the queue is
    the last of its connection), of an upload's pace; in seconds for a head to arrive, for a body to go on, for the next
    request, and for that once the worker drains."""

    head: HeadLimits = field(default_factory=HeadLimits)
    pipelined: int = 16
    pace: LeastPace = field(default_factory=LeastPace)
    head_seconds: float = 10.0
    body_seconds: float = 60.0
    idle_seconds: float = 75.0
    drain_idle_seconds: float = 2.0
    probe_seconds: float = 1.0
    """After which a client that has ended its side is asked whether it is still there."""


class Relayed(asyncio.Protocol):
    """Stands for a client's connection whose octets go to somebody else."""

    __slots__ = ("_client", "_taker")

    def __init__(self, client: "ClientConnection", taker: Callable[[bytes], None]) -> None:
        self._client = client
        self._taker = taker

    def data_received(self, data: bytes) -> None:
        self._taker(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._client.connection_lost(exc)

    def pause_writing(self) -> None:
        self._client.pause_writing()

    def resume_writing(self) -> None:
        self._client.resume_writing()


class Host(Protocol):
    """What a connection needs of its worker."""

    limits: ClientLimits
    proxies: TrustedProxies
    deadlines: Deadlines
    now: Callable[[], float]
    tls_lines: tuple[bytes, ...]
    """Header lines of every answer over TLS, and of no other."""

    @property
    def draining(self) -> bool:
        """Whether the worker ends."""

    def answer(self, request: InboundRequest, client: "ClientConnection") -> Awaitable[bool]:
        """Answers one request; tells whether the connection may carry another."""


class ServerState(Protocol):
    """What uvicorn's server keeps of its connections and tasks."""

    connections: set[Any]
    tasks: set[asyncio.Task[None]]


class ClientConnection(asyncio.Protocol):
    """One connection. A subclass made by `hosted_by` carries the worker."""

    host: Host
    named_address = ""
    """Of the client, where a balancer has opened the connection for it."""

    def __init__(
        self,
        config: object,
        server_state: ServerState,
        app_state: object,
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """The signature is uvicorn's."""
        self.loop = _loop or asyncio.get_running_loop()
        self.transport: asyncio.Transport
        self.tls = False
        self.lines: tuple[bytes, ...] = ()
        """Header lines of every answer on this connection."""
        self.closed = False
        self.writable = True
        self.deadline = inf
        self.exchange: Exchange | Undecided | None = None
        self.repeat: Repeat | None = None
        """Takes the next request if it repeats the last one."""
        self.interrupted: Repeat | None = None
        """What the next request is a part of, if it has begun already."""
        self.answering = False
        """Whether octets have gone out for the request that is being answered."""
        self._state = server_state
        self._parser = httptools.HttpRequestParser(self)
        self._fields: list[tuple[bytes, bytes]] = []
        self._block: FieldBlock | Refusal
        self._raw = b""
        """What is there of a head that is not whole yet."""
        self._fed = 0
        """How much of that the parser has."""
        self._line: RequestLine
        """The line of this request, or of the one before."""
        self._known_line: bytes | None = None
        """Its octets."""
        self._known_head: Head | None = None
        """The head of that line and those fields, where it has a path that holds for every route."""
        self._known_block = b""
        """The octets of the fields that `_block` was read from, with the end of the head."""
        self._repeatable = False
        """Whether those fields mean a request without a body on a connection that goes on."""
        self._known_origin: tuple[FieldBlock | None, bytes, Origin] = (None, b"", _NOWHERE)
        self._inbound: InboundRequest | None = None
        self._body_left = 0
        self._chunks: Chunks | None = None
        self._upload: Upload | None = None
        self._deaf = False
        self._unread = False
        """Whether the client has sent, or may be sending, what nobody takes."""
        self._half_closed = False
        """Whether the client has ended its side."""
        self._last = False
        """Whether the request that was queued last is the last of its connection."""
        self._ending = False
        self._paused = False
        self._queue: deque[InboundRequest] = deque()
        self._requested = Waiting()
        self._drained = Waiting()
        self.answered = Waiting()
        """For whoever takes a request to its answer by callbacks."""
        self.standing: Standing | None = None
        """For whoever answers: what was found out about the last request."""
        self._patience_ends = inf
        self._lingered = 0
        self._probes = 0

    # -- asyncio.Protocol --------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        address = self.named_address or (str(peer[0]) if isinstance(peer, tuple) else "")
        session = transport.get_extra_info("ssl_object")
        if session is not None:
            self.tls, self.lines = True, self.host.tls_lines
            self.transport.set_write_buffer_limits(TLS_UNSENT_BYTES)
        self.peer = peer_of(
            address, tls=self.tls, proxies=self.host.proxies, server_name=getattr(session, "server_name", "")
        )
        self._state.connections.add(self)
        self.deadline = self.loop.time() + self.host.limits.head_seconds
        self.host.deadlines.watch(self)
        Story(self._serve())

    def data_received(self, data: bytes) -> None:
        """Takes one message after another: the parser would not tell where the next one begins."""
        while data and not self._deaf:
            inbound = self._inbound
            extent = self._take_head(data) if inbound is None else self._take_body(inbound, data)
            if not extent and inbound is not None and not self._deaf:  # the parser sees no end where one must be
                self._deaf = True
                inbound.fail()
            data = data[extent:]
        if data:
            self._overhear(len(data))
        elif self._raw and not self._deaf:
            self._wait_for_head()
        # not in the parser's callbacks: an answer may end, and the next one begin, before this returns
        if self.exchange is None:
            self._requested.over()

    def _take_head(self, data: bytes) -> int:
        """Takes the head that begins or goes on with these octets; tells how many of them belong to it."""
        raw = self._raw + data if self._raw else data
        known = self._known_line
        if known is None or not raw.startswith(known):
            read = read_line(raw, self.host.limits.head.line_bytes)
            if read is None:
                self._raw = raw  # not for the parser yet: it would judge a method by its first letters
                return len(data)
            if isinstance(read, Refusal):
                self._refuse(read)
                return 0
            if self._known_block and read.version != self._line.version:
                self._known_block, self._repeatable = b"", False
            self._line, known = read, read.octets
            self._known_line, self._known_head = known, None
        fields_at = len(known)
        if self._repeatable and not self._fed and raw.startswith(self._known_block, fields_at):
            # Clients repeat themselves, and the parser has let these fields pass: what it would do again costs 3-5 µs.
            self._raw = b""
            self._admit_again()
            return fields_at + len(self._known_block) - len(raw) + len(data)
        end = raw.find(_HEAD_END, fields_at - 2)
        most = self.host.limits.head.fields_bytes
        if (len(raw) if end < 0 else end + 2) - fields_at > most:
            self._refuse(Refusal(reasons.ERROR_REASON_HEADERS_TOO_LARGE, f"more than {most} octets of header fields"))
            return 0
        if end < 0:
            self._raw, fed, self._fed = raw, self._fed, len(raw)
            self._parse(raw[fed:])
            return len(data)
        end += len(_HEAD_END)
        self._raw, fed, self._fed = raw[fields_at:end], self._fed, 0
        self._parse(raw[fed:end])
        self._raw = b""
        return end - len(raw) + len(data)

    def _take_body(self, inbound: InboundRequest, data: bytes) -> int:
        """Takes the body that goes on with these octets; tells how many of them belong to it."""
        extent = self._body_left
        if self._chunks is not None:
            try:
                extent = self._chunks.extent(data)
            except BadChunks:
                self._deaf = True
                inbound.fail()
                return 0
        self._parse(data if extent >= len(data) else data[:extent])
        return extent

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._deaf = True  # what follows is not HTTP; the request itself is in the queue and the last one
        except httptools.HttpParserError:
            if self._inbound is None:
                self._refuse(Refusal(reasons.ERROR_REASON_BAD_REQUEST, "not valid HTTP/1.1"))
            elif not self._deaf:  # in the middle of a body: its taker answers
                self._deaf = True
                self._inbound.fail()

    def _overhear(self, octets: int) -> None:
        """Lets octets go that nobody takes. As long as answers are owed the client is not read any more: a reset for
        what it sends behind its last request would take those from it."""
        self._unread = True
        if not self._ending:
            self.pause_reading()
            return
        self._lingered += octets
        if self._lingered > LINGER_BYTES:  # enough; the deadline ends it, and what is owed still goes out
            self.pause_reading()

    def eof_received(self) -> bool:
        """Keeps a half-closed connection open for the answers that are still owed, and takes nothing more from it.

        The end of a client that is gone looks the same, and its upstream request would run on for nobody: see
        docs/decisions/0013.
        """
        owed = self.exchange is not None or bool(self._queue) or not self._requested.waited_for
        self._deaf, self._unread, self._half_closed = True, False, True
        if self._ending or (self._inbound is not None and not self._inbound.complete):
            return False
        if not owed or self.tls or (self.answering and self.exchange is not None):
            return False
        self._probes = PROBES
        if self.deadline == inf:
            self._probe_later()
        return True

    def _probe_later(self) -> None:
        self.deadline = self.loop.time() + self.host.limits.probe_seconds
        self.host.deadlines.hasten(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._deaf = True
        self._state.connections.discard(self)
        self.host.deadlines.forget(self)
        if self.exchange is not None:
            self.exchange.client_gone()
        if self._inbound is not None:
            self._inbound.fail()
        self._requested.over()
        self._drained.over()

    def pause_writing(self) -> None:
        self.writable = False
        if self.exchange is not None:
            self.exchange.client_blocked()

    def resume_writing(self) -> None:
        self.writable = True
        if self.exchange is not None:
            self.exchange.client_unblocked()
        self._drained.over()

    # -- httptools' callbacks ----------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._fields = []

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._inbound is None:
            self._fields.append((name, value.rstrip(b" \t")))  # RFC 9110 §5.5; the parser strips what leads
        elif fold(name) in NO_TRAILER and not self._deaf:  # other trailers are discarded (RFC 9110 §6.5.1)
            self._deaf = True
            self._inbound.fail()

    def on_headers_complete(self) -> None:
        if self._deaf:
            return
        if self._raw != self._known_block:
            self._known_block = self._raw
            self._block = read_block(self._line.version, self._fields, self.host.limits.head.field_count)
        self._admit()

    def on_body(self, data: bytes) -> None:
        if self._inbound is not None and not self._deaf:
            self._body_left -= len(data)
            self._inbound.feed(data)
            if self._body_left:  # of chunks it is never known to be none
                self._keep_pace(self._inbound, len(data))
            answering = self.exchange is not None or not self._requested.waited_for
            if self._inbound.full or (self._queue and answering):  # or its turn has not come
                self.pause_reading()

    def _keep_pace(self, inbound: InboundRequest, octets: int) -> None:
        """Gives a body up that goes on too slowly. Its time runs from the first octets: until then the client may have
        waited for the edge to ask for it."""
        now = self.loop.time()
        if self._upload is None:
            self._upload = Upload(self.host.limits.pace, now)
        elif not self._upload.keeps_pace(octets, now):
            self._deaf = True
            inbound.fail(reasons.ERROR_REASON_REQUEST_TIMEOUT)

    def on_message_complete(self) -> None:
        if self._inbound is not None and not self._deaf:
            self._inbound.end()
            self._inbound = self._upload = None
            self._deaf = self._last

    # -- the requests in their order ---------------------------------------------------------------------------

    def _admit(self) -> None:
        """Queues the request whose head the parser has seen, or its refusal."""
        head = read_head(self._line.method, self._line.target, self._block)
        if isinstance(head, Refusal):
            self._refuse(head)
            return
        upgrade = self._parser.should_upgrade()
        if upgrade and head.has_body:
            self._refuse(Refusal(reasons.ERROR_REASON_BAD_REQUEST, "an upgrade request has a body"))
            return
        bounds = self.host.limits.head
        self._body_left = head.block.content_length
        self._chunks = Chunks(bounds.extension_bytes, bounds.fields_bytes) if head.block.chunked else None
        self._inbound = self._push(head, last=upgrade)
        self._repeatable = self._inbound.keep_alive and not head.has_body
        self._known_head = None

    def _admit_again(self) -> None:
        """Queues a request with the fields of the one before, and without a body like that, or its refusal."""
        head = self._known_head
        if head is None:
            read = read_head(self._line.method, self._line.target, self._block)
            if isinstance(read, Refusal):
                self._refuse(read)
                return
            head = read
            if head.path is not None:  # else a route may give it one
                self._known_head = head
        idle = self.exchange is None and not self._queue and self._requested.waited_for
        if self.repeat is not None and idle and self.repeat.begin(head, time.perf_counter(), self.host.now()):
            return
        self._push(head).complete = True
        self._deaf = self._last

    def _push(self, head: Head, *, last: bool = False) -> InboundRequest:
        request = InboundRequest(head, started_at=time.perf_counter(), started_time=self.host.now())
        self._queue.append(request)
        if last or len(self._queue) >= self.host.limits.pipelined:
            request.keep_alive = False
        self._last = not request.keep_alive  # its body is still taken
        return request

    def _refuse(self, refusal: Refusal) -> None:
        """Queues the refusal behind the answers that are owed, and reads nothing more."""
        if not self._deaf:
            self._deaf = self._unread = True
            self._queue.append(InboundRequest(refusal, started_at=time.perf_counter(), started_time=self.host.now()))

    def _wait_for_head(self) -> None:
        """Part of a head is there: bounds the time until the rest comes."""
        deadline = self.loop.time() + self.host.limits.head_seconds
        if deadline < self.deadline and not self._queue and self.exchange is None:
            self.deadline = deadline
            self.host.deadlines.hasten(self)

    async def _next(self) -> InboundRequest | None:
        while self.exchange is not None or not self._queue:
            if self.exchange is None and (self.closed or self._deaf):
                return None
            await self._requested
        self.deadline = inf
        if self._probes:
            self._probe_later()
        self.answering = False
        return self._queue.popleft()

    def repeats(self, head: Head) -> bool:
        """Whether the next request with the same octets will have this very head."""
        return head is self._known_head

    def take_up(self, exchange: Exchange | Undecided) -> None:
        """Has a request that waits for nobody's turn run in this exchange."""
        self.exchange = exchange
        self.answering = False
        self.deadline = inf

    def repeated(self) -> None:
        """Goes on after an exchange that was taken up, and answered its request."""
        self.exchange = None
        self._wait()
        if self._queue or self._deaf:
            self._requested.over()

    def go_on(self, repeat: Repeat) -> None:
        """Has the request of an exchange that was taken up go the ordinary way from here on."""
        self.exchange = self.repeat = None
        self.interrupted = repeat
        self._queue.appendleft(repeat.visit.request)
        self._requested.over()

    def _wait(self) -> None:
        """Bounds the time until the next request."""
        limits = self.host.limits
        self.deadline = self.loop.time() + (limits.head_seconds if self._raw else limits.idle_seconds)
        if self.host.draining:  # this answer did not say so: its head was out before the drain began
            self._hurry()

    async def _serve(self) -> None:
        try:
            while (request := await self._next()) is not None:
                keep_alive = await self.host.answer(request, self)
                # also parts the request from its taker: the two refer to each other, and a cycle for each request
                # would be garbage that only the collector finds
                request.detach()
                if not self._queue:
                    self.resume_reading()
                if not keep_alive or not request.complete:
                    break
                await self.drained()
                self._wait()
        except Exception:
            log.exception("connection failed")
        self._close()

    def _close(self) -> None:
        """Ends the connection. What the client still sends is read for a moment, so that it reads our answer
        before a reset discards it (RFC 9112 §9.6)."""
        if self.closed:
            return
        self._deaf = self._ending = True
        unsent = self.transport.get_write_buffer_size()
        self._patience_ends = self.loop.time() + self.host.limits.body_seconds
        self.deadline = self._patience_ends if unsent else self.loop.time() + LINGER_SECONDS
        self.host.deadlines.hasten(self)
        self.resume_reading()
        if self.tls or (not self._unread and (self._inbound is None or self._inbound.complete)):
            self.transport.close()  # over TLS reads on until the client has ended its side, too
        elif self.transport.can_write_eof():
            self.transport.write_eof()

    # -- for whoever answers -----------------------------------------------------------------------------------

    def origin(self, head: Head | None) -> Origin:
        """Where a request with this head comes from. Remembered, because clients repeat their fields."""
        if head is None:
            return Origin(self.peer.address)
        block, authority, origin = self._known_origin
        if head.block is not block or head.authority != authority:
            origin = find_origin(self.peer, head, self.host.proxies)
            self._known_origin = head.block, head.authority, origin
        return origin

    def write(self, data: bytes) -> None:
        """Writes octets of an answer; after the connection is lost they go nowhere."""
        self.answering = True
        if not self.closed:
            self.transport.write(data)

    def write_interim(self) -> None:
        """Writes 100 Continue, which every client of HTTP/1.1 takes; the answer is still to come."""
        if not self.closed:
            self.transport.write(CONTINUE)

    async def drained(self) -> None:
        """Waits until the client takes more; one that takes nothing is cut off."""
        if not self.writable and not self.closed:
            self.pause_reading()
            self.expect_body()
            await self._drained
            self.deadline = inf
            self.resume_reading()

    def expect_body(self) -> None:
        """Gives a body that is neither an upstream's nor for one the time that a body may take."""
        self.deadline = self.loop.time() + self.host.limits.body_seconds
        self.host.deadlines.hasten(self)

    def pause_reading(self) -> None:
        """Reads no more from the client for now."""
        if not self.closed and not self._paused:
            self._paused = True
            self.transport.pause_reading()
            if self._upload is not None:
                self._upload.paused(self.loop.time())

    def resume_reading(self) -> None:
        """Reads from the client again."""
        if self._paused and not self.closed:
            self._paused = False
            self.transport.resume_reading()
            if self._upload is not None:
                self._upload.resumed(self.loop.time())

    def abort(self, *, by_reset: bool = False) -> None:
        """Cuts the connection, so that the client sees that its answer is not whole. `by_reset` for one that takes an
        ordinary end for the end of its answer; it can lose what it has not read yet."""
        if not self.closed:
            connection = self.transport.get_extra_info("socket")
            if by_reset and connection is not None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self.transport.abort()

    def relay_to(self, taker: Callable[[bytes], None]) -> bool:
        """Has whatever the client sends from now on go to the taker, as it comes. False, and nothing done, when the
        client has sent something that was not taken, or can send nothing more."""
        if self._unread or self._half_closed or self.closed:
            return False
        self.transport.set_protocol(Relayed(self, taker))
        return True

    def take_back(self, *, whole: bool) -> None:
        """Takes what the client sends itself again; `whole`: whether nothing more is expected."""
        self._unread = not whole
        if not self.closed:
            self.transport.set_protocol(self)

    # -- from the clock and from uvicorn -----------------------------------------------------------------------

    def expire(self) -> None:
        """Ends a connection that has been silent for too long; a half-sent head is told 408."""
        self.deadline = inf  # stays watched
        if self._ending and self.tls and self._is_still_taking():
            self.deadline = self.loop.time() + LINGER_SECONDS
        elif self._ending or self._drained.waited_for:
            self.transport.abort()
        elif self._probes:
            if self.exchange is not None and self.exchange.http_11 and not self.answering:
                self._probes -= 1
                self.write_interim()
            self._probe_later()
        elif self.exchange is None and self._inbound is not None and not self._requested.waited_for:
            self._deaf = True
            self._inbound.fail(reasons.ERROR_REASON_REQUEST_TIMEOUT)
        elif self._raw and self._inbound is None:
            self._refuse(Refusal(reasons.ERROR_REASON_REQUEST_TIMEOUT, "the request did not arrive in time"))
            self._requested.over()
        elif self.exchange is None and not self._queue and self._requested.waited_for:
            if self._part_unless_heard():
                self._close()
            else:
                self.deadline = self.loop.time() + self.host.limits.head_seconds

    def _is_still_taking(self) -> bool:
        """Whether a client over TLS may be taking the last of its answer. What waits in the transport below TLS is not
        told, but then the kernel is full as well."""
        connection = self.transport.get_extra_info("socket")
        if connection is None or self.loop.time() >= self._patience_ends:
            return False
        try:
            return fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4)) != bytes(4)
        except OSError:
            return False

    def shutdown(self) -> None:
        """Has the last answer of a connection say `Connection: close`. A silent one is closed a little later: the
        next request may be under way, from a client that cannot know (RFC 9112 §9.3.1)."""
        if self.pipelined:
            return  # the last of those says it
        if self.exchange is not None:
            self.exchange.close_after()
        elif self._requested.waited_for and not self._raw:
            self._hurry()

    @property
    def pipelined(self) -> bool:
        """Whether more requests wait behind the one that is being answered."""
        return bool(self._queue)

    def _hurry(self) -> None:
        """Waits for the next request no longer than a draining worker does."""
        self.deadline = min(self.deadline, self.loop.time() + self.host.limits.drain_idle_seconds)
        self.host.deadlines.hasten(self)

    def _part_unless_heard(self) -> bool:
        """Tells a silent client that it is parted from; False, and nothing told, when octets of it wait in the kernel.

        Asked and told by two system calls in a row: `transport.close()` takes effect some turns of the loop later,
        and a request that comes meanwhile would be met by a reset.
        """
        connection = self.transport.get_extra_info("socket")
        if connection is None:
            return True
        with socket.socket(fileno=os.dup(connection.fileno())) as own:
            try:
                return own.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
            except BlockingIOError:
                if not self.tls and not self.transport.get_write_buffer_size():
                    own.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # the client is gone already
            return True


def hosted_by(worker: Host) -> type[ClientConnection]:
    """The protocol class for uvicorn whose connections belong to this worker."""
    return type("HostedConnection", (ClientConnection,), {"host": worker})
