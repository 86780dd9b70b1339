"""One proxied request between its client and an upstream: bodies both ways by callbacks, with back-pressure.

Nothing here is awaited but the end: `outcome` is set, and whoever waits for it goes on. Data that arrives on one side
is written to the other at once; a full side pauses the other. Awaiting an upload before the answer would deadlock with
an upstream that echoes, and miss early answers.
"""

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeAlias

from penstock.errors.v1 import error_reason_pb2 as reasons

from edge.http.answer import LAST_CHUNK, NO_BODY, Framing, answer_head, chunk, frame_for_client
from edge.http.head import Head
from edge.routing import Timeouts
from edge.standing import Way
from edge.story import Waiting
from edge.upstream.connection import Switched, UpstreamConnection
from edge.upstream.known import KnownAnswer

Reason: TypeAlias = reasons.ErrorReason.ValueType


Judge: TypeAlias = Callable[[int, bool, bool], bool]
"""Is told the status of an answer's head, whether the client has seen octets of an answer, and whether the request's
body is there to be sent again; tells whether the answer is to be dropped."""


class Client(Protocol):
    """The client's side, as an exchange needs it."""

    answering: bool
    """Whether octets have gone out for the request."""

    def write(self, data: bytes) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    @property
    def writable(self) -> bool: ...
    @property
    def answered(self) -> Waiting:
        """Where whoever began the exchange waits for its end."""


class Upload(Protocol):
    """The body of the client's request: buffered until it is attached, complete once its end has arrived. `keep_alive`:
    whether its connection may carry another."""

    keep_alive: bool

    @property
    def complete(self) -> bool: ...
    @property
    def replayable(self) -> bool:
        """Whether all of it that has come is there to be sent again."""


class Outcome(NamedTuple):
    """How an exchange ended. `status` is the upstream's, 0 when no head came.

    `failure` is a reason of the catalogue, `stage` the phase that failed; `begun` tells whether the client has
    seen an answer's head, after which no refusal can be sent any more. `keep_alive` tells whether the client's
    connection may carry another request. `client_gone` means that nobody is left to be answered.
    """

    status: int = 0
    failure: Reason | None = None
    stage: str = ""
    begun: bool = False
    keep_alive: bool = False
    client_gone: bool = False
    unsent: bool = False
    """The upstream closed an old connection before it answered anything: the request may be sent once more."""
    whole: bool = False
    """The answer came in one piece, with a head that was known."""
    spared: bool = False
    """The answer was dropped, because the request is sent again."""
    close_code: int = 0
    """How a WebSocket ended that the upstream had agreed to; 0 for everything else."""
    ended_for: int = 0
    """The reason of the catalogue for which the edge ended it, 0 for none."""


_ANSWERED = {status: Outcome(status, begun=True, keep_alive=True, whole=True) for status in range(200, 600)}


class Exchange:
    """Pumps one request and its answer. Is the `Receiver` of the upstream and the sink of the client's body, from
    `run_on` on.

    What has not happened yet stands as a class attribute: there is one of these for every request.
    """

    outcome: Outcome | None = None
    """How it ended; None while it goes on."""
    switched: Switched | None = None
    stage = "response"
    judge: Judge | None = None
    """Judges the target by its answer, where that is wanted."""
    answered_at = 0.0
    """When the answer's head came, by the performance counter; 0 before."""
    sent_bytes = 0
    _received_bytes = 0
    _chunked_in = False
    _status = 0
    _begun = False
    _upload_blocked = False

    def __init__(
        self,
        client: Client,
        upload: Upload,
        head: Head,
        way: Way,
        timeouts: Timeouts,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.bodiless = head.method == "HEAD"
        self.http_11 = head.block.http_11
        self.withheld = way.withheld
        self._timeouts = timeouts
        self._loop = loop
        self._client = client
        self._upload = upload
        self._max_body_bytes = way.max_body_bytes
        self._chunked_out = head.block.chunked
        self._out: list[bytes] = []
        self.connection: UpstreamConnection
        self._added: bytes
        self._keep_alive: bool

    def run_on(self, upstream: UpstreamConnection, added: bytes) -> None:
        """Gets its connection, and header lines for the answer. The time for the answer's head runs from the last octet
        sent."""
        upstream.deadline = self._loop.time() + self._timeouts.response
        self.connection = upstream
        self._added = added
        self._keep_alive = self._upload.keep_alive

    # -- from the client ---------------------------------------------------------------------------------------

    def upload_data(self, data: bytes) -> None:
        """Takes octets of the request's body."""
        self._received_bytes += len(data)
        if self._received_bytes > self._max_body_bytes:
            self._give_up(reasons.ERROR_REASON_BODY_TOO_LARGE, "body")
            return
        self.connection.deadline = self._loop.time() + self._patience
        self.connection.send(chunk(data) if self._chunked_out else data)

    def upload_ended(self) -> None:
        """Takes the end of the request's body."""
        if self._chunked_out and self.outcome is None:
            self.connection.send(LAST_CHUNK)

    def upload_failed(self, reason: Reason) -> None:
        """Ends the exchange because the request's body is malformed or too slow."""
        self._give_up(reason, "body")

    def client_gone(self) -> None:
        """Ends the exchange because the client's connection is lost."""
        self.connection.abandon()
        self._finish(Outcome(self._status, stage=self.stage, begun=True, client_gone=True))

    def close_after(self) -> None:
        """Says `Connection: close` on the answer if its head is still to come."""
        if not self._status:
            self._keep_alive = False

    def client_blocked(self) -> None:
        """The client does not take more for now: reads no more from the upstream, until its answer has ended."""
        if self.connection.receiver is self:
            self.connection.pause_reading()

    def client_unblocked(self) -> None:
        """The client takes more again."""
        if self.connection.receiver is self:
            self.connection.deadline = self._loop.time() + self._patience
            self.connection.resume_reading()

    # -- from the upstream (`Receiver`) ------------------------------------------------------------------------

    def answer_interim(self, status: int, lines: bytes) -> None:
        if self.http_11:  # RFC 9110 §15.2
            self._client.write(answer_head(status, lines, NO_BODY, added=b"", keep_alive=True, http_11=True))

    def answer_begun(self, status: int, lines: bytes, framing: Framing) -> None:
        self.answered_at = time.perf_counter()
        if self._spares(status):
            self.connection.abandon()
            self._finish(Outcome(status, spared=True))
            return
        self.connection.deadline = self._loop.time() + self._timeouts.idle
        if self._timeouts.idle < self._timeouts.response:
            self.connection.hasten()
        self.stage = "idle"
        self._status = status
        bodiless = self.bodiless or status in (204, 304)
        framed = frame_for_client(framing, status, bodiless=bodiless, http_11=self.http_11)
        self._chunked_in = framed.chunked
        delimited = bodiless or framed.chunked or framed.length is not None
        self._keep_alive = self._keep_alive and delimited and self._upload.complete
        self._out.append(
            answer_head(status, lines, framed, added=self._added, keep_alive=self._keep_alive, http_11=self.http_11)
        )

    def takes_whole(self) -> bool:
        return self._keep_alive and self.http_11 and not self.bodiless and self._upload.complete

    def answer_whole(self, known: KnownAnswer, body: bytes) -> None:
        self.answered_at = time.perf_counter()
        if self.judge is not None and self._spares(known.status):
            self._finish(Outcome(known.status, spared=True))
            return
        self.sent_bytes = len(body)
        self._client.write(b"%b%b\r\n%b" % (known.kept_alive, self._added, body))
        self._finish(_ANSWERED[known.status])

    def _spares(self, status: int) -> bool:
        judge = self.judge
        return judge is not None and judge(status, self._client.answering, self._upload.replayable)

    def answer_body(self, data: bytes) -> None:
        self.sent_bytes += len(data)
        self._out.append(chunk(data) if self._chunked_in else data)

    def answer_paused(self) -> None:
        self.connection.deadline = self._loop.time() + self._timeouts.idle
        self._flush()

    def answer_ended(self) -> None:
        if self._chunked_in:
            self._out.append(LAST_CHUNK)
        self._flush()
        if not self._upload.complete:  # an early answer: the rest of the upload has no taker
            self.connection.abandon()
        self._finish(Outcome(self._status, begun=True, keep_alive=self._keep_alive))

    def upstream_failed(self, reason: Reason) -> None:
        if self._begun:
            self._flush()
        stale = self.connection.pooled and not self.connection.answered
        self._finish(Outcome(self._status, failure=reason, stage=self.stage, begun=self._begun, unsent=stale))

    def pause_upload(self) -> None:
        self._upload_blocked = True
        self._client.pause_reading()

    def resume_upload(self) -> None:
        self.connection.deadline = (
            self._loop.time() + self._patience
        )  # it has taken something, and the client needs time for more
        self._upload_blocked = False
        self._client.resume_reading()

    @property
    def _patience(self) -> float:
        """How long both sides may be silent now, in seconds."""
        return self._timeouts.idle if self._status else self._timeouts.response

    # -- from the clock (`Expiring`) ---------------------------------------------------------------------------

    def expire(self) -> None:
        """Ends the exchange because one side was silent for too long: the client when its body is owed or when it
        takes nothing of the answer."""
        if not self._client.writable:  # what the upstream sent is read no more, because the client takes nothing
            self.connection.abandon()
            self._finish(Outcome(self._status, stage="client", begun=True, client_gone=True))
        elif not self._upload.complete and not self._upload_blocked and not self._status:
            self._give_up(reasons.ERROR_REASON_REQUEST_TIMEOUT, "body")
        else:
            self._give_up(reasons.ERROR_REASON_DOWNSTREAM_TIMEOUT, self.stage)

    def _flush(self) -> None:
        """Writes what one read of the upstream has brought as one: each write is a system call."""
        out = self._out
        if out:
            self._begun = True
            self._client.write(out[0] if len(out) == 1 else b"".join(out))
            out.clear()

    def _give_up(self, reason: Reason, stage: str) -> None:
        self.connection.abandon()
        self._finish(Outcome(self._status, failure=reason, stage=stage, begun=self._begun))

    def _finish(self, outcome: Outcome) -> None:
        if self.outcome is None:
            self.outcome = outcome
            self._client.answered.over()
