"""One keep-alive connection to an upstream target. Carries one exchange at a time and is never reused after a doubt.

httptools parses; what it cannot know is held here: that the request was HEAD, that octets after an answer poison
the next one, that interim answers precede the real one (RFC 9110 §15.2, RFC 9112 §6.3, §9.3).
"""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import inf
from typing import Protocol, TypeAlias, cast

import httptools
from penstock.errors.v1 import error_reason_pb2 as reasons

from edge.deadlines import Deadlines
from edge.http.answer import Framing, date_line, read_answer
from edge.upstream.known import KnownAnswer, KnownAnswers

MAX_HEAD_BYTES = 64 * 1024
INTERIM_ANSWERS = 16
"""Before the real one; more of them serve nobody."""
_FIRST = ord("H")
_FIELD_OVERHEAD = len(": \r\n")
_VERSIONS = ("1.1", "1.0")
INVALID = reasons.ERROR_REASON_DOWNSTREAM_INVALID
RESET = reasons.ERROR_REASON_DOWNSTREAM_RESET


Switched: TypeAlias = Callable[[Sequence[tuple[bytes, bytes]], bytes, bytes], bool]
"""Is given the fields of a 101, the lines of it that go on and what came behind it; False when that is not what was
asked for."""


class Receiver(Protocol):
    """Whoever sent a request on the connection and is told of its answer: interim, begun, body, ended; `answer_paused`
    when nothing more of it is there for now."""

    bodiless: bool
    """Whether the answer has no body whatever its fields say: the request was HEAD."""
    switched: "Switched | None"
    """Takes the connection after a 101, None where no other protocol was asked for."""
    withheld: frozenset[bytes]
    """Fields, in lower case, that the edge says in the upstream's place."""

    def takes_whole(self) -> bool:
        """Whether a known answer with a Date that is all there may be given at once, by `answer_whole` alone."""

    def answer_whole(self, known: KnownAnswer, body: bytes) -> None: ...
    def answer_interim(self, status: int, lines: bytes) -> None: ...
    def answer_begun(self, status: int, lines: bytes, framing: Framing) -> None: ...
    def answer_body(self, data: bytes) -> None: ...
    def answer_paused(self) -> None: ...
    def answer_ended(self) -> None: ...
    def upstream_failed(self, reason: reasons.ErrorReason.ValueType) -> None: ...
    def expire(self) -> None: ...
    def pause_upload(self) -> None: ...
    def resume_upload(self) -> None: ...


class Home(Protocol):
    """Whoever counts the connections to a target."""

    def came(self, connection: "UpstreamConnection") -> None: ...
    def went(self, connection: "UpstreamConnection") -> None: ...


class UpstreamConnection(asyncio.Protocol):
    """A connection to one target. `begin` sends a request; the receiver hears of the answer by callbacks."""

    _switched: bytes | None = None
    """The lines of an answer after which the connection speaks another protocol."""

    def __init__(
        self,
        deadlines: Deadlines,
        known: KnownAnswers,
        max_head_bytes: int = MAX_HEAD_BYTES,
        home: Home | None = None,
    ) -> None:
        """`max_head_bytes` bounds an answer's head, and what its body has besides data in one piece; `home` is told of
        its beginning and its end."""
        self._home = home
        self.address = ""
        """Where it leads, as its name was resolved."""
        self._max_head_bytes = max_head_bytes
        self.transport: asyncio.Transport
        self._deadlines = deadlines
        self._known = known
        self.receiver: Receiver | None = None
        self.closed = False
        self.retired = False
        self.pooled = False
        """Whether it has waited in the pool, where the server may have closed it unseen."""
        self.answered = False
        self._blocked = False
        self._paused = False
        self.idle_since = 0.0
        self.deadline = inf
        """Loop time by which the receiver wants to hear from the upstream; kept here, so that the wheel watches a
        connection once and not each exchange."""
        self._parser = httptools.HttpResponseParser(self)
        self._begun = False
        self._keep_alive = True  # nothing has gone wrong yet
        self._left = -1
        """Octets that are still to come of a body that is read without the parser; negative: the parser reads."""
        self._forget_answer()

    def _forget_answer(self) -> None:
        """What only the parser's way of reading an answer leaves."""
        self._fields: list[tuple[bytes, bytes]] = []
        self._head_bytes = 0
        self._interim = False
        self._interims = 0
        self._until_close = False
        self._complete = False
        self._head = b""

    # -- the sender's side -------------------------------------------------------------------------------------

    def begin(self, receiver: Receiver, head: bytes) -> None:
        """Sends a request's head; its body follows by `send`. The connection must be idle."""
        if self._head_bytes or self._complete:
            self._forget_answer()
        self._begun = False
        self._left = -1
        self.answered = False
        self.receiver = receiver
        self.transport.write(head)

    def send(self, data: bytes) -> None:
        """Sends octets of the request's body, framed by the caller."""
        if not self.closed:
            self.transport.write(data)

    def pause_reading(self) -> None:
        """Reads no more of the answer for now."""
        if not self.closed and not self._paused:
            self._paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Reads of the answer again."""
        if self._paused and not self.closed:
            self._paused = False
            self.transport.resume_reading()

    def abandon(self) -> None:
        """Gives the exchange up: the receiver hears no more, the connection is closed at once."""
        self.receiver = None
        self.deadline = inf
        self.closed = True
        self.transport.abort()

    def hasten(self) -> None:
        """Must be called when `deadline` has moved to an earlier time."""
        self._deadlines.hasten(self)

    def retire(self) -> None:
        """Carries no other request after the present one."""
        self.retired = True

    def expire(self) -> None:
        """Tells the receiver that its time is up."""
        self.deadline = inf
        if self.receiver is not None:
            self.receiver.expire()

    @property
    def reusable(self) -> bool:
        """Whether another request may be sent: alive, idle, and the last answer ended beyond doubt."""
        return self._keep_alive and self.receiver is None and not self.closed and not self.retired

    # -- asyncio.Protocol --------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._deadlines.watch(self)
        if self._home is not None:
            self._home.came(self)

    def data_received(self, data: bytes) -> None:
        receiver = self.receiver
        if receiver is None:  # nobody asked: octets here would be taken for the next answer
            self.abandon()
            return
        if not self.answered:
            self.answered = True
            if data[0] != _FIRST:  # the parser speaks RTSP and ICE, too, and overlooks empty lines
                self._fail(INVALID)
                return
        if self._left >= 0:
            self._take_body(receiver, data)
            return
        if not self._head_bytes:
            end = data.find(b"\r\n\r\n") + 4
            if end > 3:
                head = data[:end]
                known = self._known.of(receiver.withheld).get(head)
                if known is not None:
                    self._take_known(receiver, known, data[end:])
                    return
                self._head = head
        self._parse(data)

    def _take_known(self, receiver: Receiver, known: KnownAnswer, rest: bytes) -> None:
        self._keep_alive = known.keep_alive
        if len(rest) == known.length and known.dated and receiver.takes_whole():
            self._let_go()
            receiver.answer_whole(known, rest)
            return
        self._begun = True
        self._left = 0 if receiver.bodiless else known.length
        lines = known.lines if known.dated else known.lines + date_line(int(time.time()))
        receiver.answer_begun(known.status, lines, known.framing)
        if self.receiver is receiver:  # else it has given the exchange up
            self._take_body(receiver, rest)

    def _take_body(self, receiver: Receiver, data: bytes) -> None:
        left = self._left
        if len(data) > left:  # octets after the answer poison the next one
            self._keep_alive = False
            data = data[:left]
        if data:
            receiver.answer_body(data)
        self._left = left = left - len(data)
        if left == 0:
            self._end()
        else:
            receiver.answer_paused()

    def _parse(self, data: bytes) -> None:
        self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as stopped:
            if self._switched is not None and isinstance(stopped, httptools.HttpParserUpgrade):
                self._hand_over(self._switched, data[stopped.args[0] :])
                return
            if not self._complete:
                self._fail(INVALID)
                return
            self._keep_alive = False
        receiver = self.receiver
        if receiver is None:
            return
        if self._complete:  # not in the parser's callback: the receiver may send the next request at once
            self._end()
            return
        if self._begun:
            receiver.answer_paused()
        if self._head_bytes > self._max_head_bytes:  # of a head, of trailers or of chunk extensions
            self._fail(INVALID)

    def eof_received(self) -> None:
        """Ends an answer that is delimited by the end of the connection, fails any other: nothing more will come, even
        if the upstream still reads. The transport then closes itself, once it has sent what it holds."""
        self.closed = True
        if self._begun and self._until_close:
            self._end()
        elif self.receiver is not None:
            self._fail(RESET)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        if exc is not None and self.receiver is not None:
            self._read_rest()
        self._deadlines.forget(self)
        if self._home is not None:
            self._home.went(self)
        if self.receiver is not None:
            if self._begun and self._until_close and exc is None:
                self._end()
            else:
                self._fail(RESET)

    def _read_rest(self) -> None:
        """Takes the answer of an upstream that answered, closed, and reset what we went on sending: the transport gave
        up on the failed write with the answer unread. Only in plain text; TLS has no octets without its transport."""
        connection = self.transport.get_extra_info("socket")
        if connection is None or self.transport.get_extra_info("sslcontext") is not None:
            return
        with suppress(OSError):  # there is no more
            while self.receiver is not None and (data := os.read(connection.fileno(), MAX_HEAD_BYTES)):
                self.data_received(data)

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
        if self._complete:  # octets after the answer poison the next one
            self._keep_alive = False
        elif self._begun and self.receiver is not None:  # a second answer to one request
            self._fail(INVALID)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._begun:  # else a trailer: discarded
            self._fields.append((name, value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        receiver = self.receiver
        if receiver is None or self._begun:
            return
        status = self._parser.get_status_code()
        answer = read_answer(self._fields, withheld=receiver.withheld)
        version = self._parser.get_http_version()
        if (
            answer is None
            or not 100 <= status <= 599
            or (status == 101 and not (receiver.switched is not None and self._parser.should_upgrade()))
            or version not in _VERSIONS
            or (answer[0].chunked and version == "1.0")  # faulty framing (RFC 9112 §6.1)
            or self._head_is_long()
        ):
            self._fail(INVALID)
            return
        framing, lines, dated = answer
        if status == 101:
            self._switched = lines
            return
        if status < 200:
            self._interim = True
            self._interims += 1
            self._fields = []
            self._head = b""  # it would be remembered as the head of what follows
            if self._interims > INTERIM_ANSWERS:
                self._fail(INVALID)
            elif status != 100:  # answers an expectation, and those are met by the edge
                receiver.answer_interim(status, lines)
            return
        self._begun = True
        self._keep_alive = self._parser.should_keep_alive()
        bodiless = receiver.bodiless or status in (204, 304)
        self._until_close = not bodiless and framing.length is None and not framing.chunked
        if self._head and (framing.length is not None or status in (204, 304)) and not framing.chunked:
            self._known.keep(
                receiver.withheld, self._head, KnownAnswer.of(status, lines, framing, self._keep_alive, dated)
            )
        receiver.answer_begun(status, lines if dated else lines + date_line(int(time.time())), framing)
        self._complete = receiver.bodiless

    def on_body(self, data: bytes) -> None:
        if self._complete or self.receiver is None:
            self._keep_alive = False
        else:
            self._head_bytes = 0
            self.receiver.answer_body(data)

    def on_message_complete(self) -> None:
        if self._interim:
            self._interim = False
        else:
            self._complete = self._begun

    # ----------------------------------------------------------------------------------------------------------

    def _hand_over(self, lines: bytes, rest: bytes) -> None:
        self._keep_alive = False
        taker = self.receiver.switched if self.receiver is not None else None
        if taker is not None and not taker(self._fields, lines, rest):
            self._fail(INVALID)

    def _head_is_long(self) -> bool:
        """Whether the fields are more than is taken. Only a read that long can have brought them."""
        if self._head_bytes <= self._max_head_bytes:
            return False
        return sum(len(name) + len(value) + _FIELD_OVERHEAD for name, value in self._fields) > self._max_head_bytes

    def _end(self) -> None:
        receiver = self.receiver
        if self._until_close:
            self._keep_alive = False
        if receiver is not None and receiver.bodiless and self._left < 0:
            # the parser would take what follows for this answer's body
            self._parser = httptools.HttpResponseParser(self)
        self._let_go()
        if receiver is not None:
            receiver.answer_ended()

    def _let_go(self) -> None:
        """Is idle again: the answer has come to its end."""
        self.receiver = None
        self.deadline = inf
        if self._blocked:  # octets of the request are still to be sent
            self._keep_alive = False
        self.resume_reading()  # the next answer must be heard, and a close while idle

    def _fail(self, reason: reasons.ErrorReason.ValueType) -> None:
        receiver, self.receiver = self.receiver, None
        self.closed = True
        self.transport.abort()
        if receiver is not None:
            receiver.upstream_failed(reason)
