"""One keep-alive connection to an upstream target. Carries one exchange at a time and is never reused after a doubt.

httptools parses; what it cannot know is held here: that the request was HEAD, that octets after an answer poison
the next one, that interim answers precede the real one (RFC 9110 §15.2, RFC 9112 §6.3, §9.3).
"""

import asyncio
from math import inf
from typing import Protocol, cast

import httptools
from penstock.errors.v1 import error_reason_pb2 as reasons

from edge.deadlines import Deadlines
from edge.http.answer import Framing, read_answer

MAX_HEAD_BYTES = 64 * 1024
_VERSIONS = ("1.1", "1.0")
INVALID = reasons.ERROR_REASON_DOWNSTREAM_INVALID
RESET = reasons.ERROR_REASON_DOWNSTREAM_RESET


class Receiver(Protocol):
    """Whoever sent a request on the connection and is told of its answer: begun, body, ended; `answer_paused` when
    nothing more of it is there for now."""

    bodiless: bool
    """Whether the answer has no body whatever its fields say: the request was HEAD."""
    own_cors: bool
    """Whether the edge speaks of cross-origin requests in the upstream's place."""

    def answer_begun(self, status: int, lines: bytes, framing: Framing) -> None: ...
    def answer_body(self, data: bytes) -> None: ...
    def answer_paused(self) -> None: ...
    def answer_ended(self) -> None: ...
    def upstream_failed(self, reason: reasons.ErrorReason.ValueType) -> None: ...
    def expire(self) -> None: ...
    def pause_upload(self) -> None: ...
    def resume_upload(self) -> None: ...


class UpstreamConnection(asyncio.Protocol):
    """A connection to one target. `begin` sends a request; the receiver hears of the answer by callbacks."""

    def __init__(self, deadlines: Deadlines) -> None:
        self.transport: asyncio.Transport
        self._deadlines = deadlines
        self.receiver: Receiver | None = None
        self.closed = False
        self.used = False
        self._blocked = False
        self.idle_since = 0.0
        self.deadline = inf
        """Loop time by which the receiver wants to hear from the upstream; kept here, so that the wheel watches a
        connection once and not each exchange."""
        self._parser = httptools.HttpResponseParser(self)
        self._reset_answer()

    def _reset_answer(self) -> None:
        self._fields: list[tuple[bytes, bytes]] = []
        self._head_bytes = 0
        self._begun = False
        self._interim = False
        self._keep_alive = False
        self._until_close = False

    # -- the sender's side -------------------------------------------------------------------------------------

    def begin(self, receiver: Receiver, head: bytes) -> None:
        """Sends a request's head; its body follows by `send`. The connection must be idle."""
        self._reset_answer()
        self.answered = False
        self.receiver = receiver
        self.transport.write(head)

    def send(self, data: bytes) -> None:
        """Sends octets of the request's body, framed by the caller."""
        if not self.closed:
            self.transport.write(data)

    def abandon(self) -> None:
        """Gives the exchange up: the receiver hears no more, the connection is closed at once."""
        self.receiver = None
        self.deadline = inf
        self.closed = True
        self.transport.abort()

    def expire(self) -> None:
        """Tells the receiver that its time is up."""
        self.deadline = inf
        if self.receiver is not None:
            self.receiver.expire()

    @property
    def reusable(self) -> bool:
        """Whether another request may be sent: alive, idle, and the last answer ended beyond doubt."""
        return self.receiver is None and not self.closed and (self._keep_alive or not self.used)

    # -- asyncio.Protocol --------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._deadlines.watch(self)

    def data_received(self, data: bytes) -> None:
        if self.receiver is None:  # nobody asked: octets here would be taken for the next answer
            self.abandon()
            return
        self.answered = True
        self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(INVALID)
            return
        if self.receiver is None:
            return
        if self._begun:
            self.receiver.answer_paused()
        if self._head_bytes > MAX_HEAD_BYTES:  # of a head, of trailers or of chunk extensions
            self._fail(INVALID)

    def eof_received(self) -> None:
        """Ends an answer that is delimited by the end of the connection; the transport then closes itself."""
        if self._begun and self._until_close:
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._deadlines.forget(self)
        if self.receiver is not None:
            if self._begun and self._until_close and exc is None:
                self._end()
            else:
                self._fail(RESET)

    def pause_writing(self) -> None:
        self._blocked = True
        if self.receiver is not None:
            self.receiver.pause_upload()

    def resume_writing(self) -> None:
        self._blocked = False
        if self.receiver is not None:
            self.receiver.resume_upload()

    # -- httptools' callbacks ----------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._begun:  # a second answer to one request
            self._keep_alive = False
            if self.receiver is not None:
                self._fail(INVALID)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._begun:  # else a trailer: discarded
            self._fields.append((name, value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        receiver = self.receiver
        if receiver is None or self._begun:
            return
        status = self._parser.get_status_code()
        if status < 200:
            if status < 100:
                self._fail(INVALID)
                return
            self._interim = True
            self._fields = []
            if status == 101:
                self._fail(INVALID)
            return
        answer = read_answer(self._fields, own_cors=receiver.own_cors)
        if answer is None or status > 599 or self._parser.get_http_version() not in _VERSIONS:
            self._fail(INVALID)
            return
        framing, lines = answer
        self._begun = True
        self._keep_alive = self._parser.should_keep_alive()
        bodiless = receiver.bodiless or status in (204, 304)
        self._until_close = not bodiless and framing.length is None and not framing.chunked
        receiver.answer_begun(status, lines, framing)
        if receiver.bodiless:
            # the parser would take what follows for this answer's body
            self._parser = httptools.HttpResponseParser(self)
            self._end()

    def on_body(self, data: bytes) -> None:
        if self.receiver is None:
            self._keep_alive = False
        else:
            self._head_bytes = 0
            self.receiver.answer_body(data)

    def on_message_complete(self) -> None:
        if self._interim:
            self._interim = False
        elif self._begun and self.receiver is not None:
            self._end()

    # ----------------------------------------------------------------------------------------------------------

    def _end(self) -> None:
        receiver, self.receiver = self.receiver, None
        self.deadline = inf
        self.used = True
        if self._until_close or self._blocked:  # or octets of the request are still to be sent
            self._keep_alive = False
        if receiver is not None:
            receiver.answer_ended()
        if not self.closed:
            self.transport.resume_reading()  # the next answer must be heard, and a close while idle

    def _fail(self, reason: reasons.ErrorReason.ValueType) -> None:
        receiver, self.receiver = self.receiver, None
        self.closed = True
        self.transport.abort()
        if receiver is not None:
            receiver.upstream_failed(reason)
