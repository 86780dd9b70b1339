"""One connection of the management API: uvicorn's h11 protocol with what it leaves open closed.

What cannot be read is refused as a problem, not as plain text, a head has to arrive in time, and a client that is
still sending when its connection ends can read its answer. h11, not httptools: this port is not busy, and what h11
leaves lenient (two framings of one body) the rim refuses.
"""

import asyncio
from typing import Any, Final, cast

import h11
from penstock.errors.v1 import error_reason_pb2 as reasons
from uvicorn.protocols.http.h11_impl import H11Protocol

from edge.admin.problems import render
from edge.admin.rim import DEFENSIVE_HEADERS
from svckit.call_context import REQUEST_ID
from svckit.errors import Fault
from svckit.ids import uuid7

HEAD_SECONDS: Final = 10.0
# How long a refused client may go on sending: closing on unread data resets the connection, and the answer is lost.
LINGER_SECONDS: Final = 1.0


class _Lingering:
    """A transport that ends its own side and reads on for a moment (RFC 9112 §9.6): all else is the transport's."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._end: asyncio.TimerHandle | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    @property
    def ended(self) -> bool:
        return self._end is not None

    def is_closing(self) -> bool:
        return self.ended or self._transport.is_closing()

    def close(self) -> None:
        if self.is_closing():
            return
        self._end = self._loop.call_later(LINGER_SECONDS, self._transport.close)
        self._transport.resume_reading()
        self._transport.write_eof()

    def closed(self) -> None:
        """Is to be called when the connection is lost."""
        if self._end is not None:
            self._end.cancel()


class AdminConnection(H11Protocol):
    """Serves one client connection."""

    _head_late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Starts waiting for the first head."""
        self._lingering = _Lingering(transport, self.loop)
        super().connection_made(cast(asyncio.Transport, self._lingering))
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops waiting."""
        self._head_arrived()
        self._lingering.closed()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Reads on; from the first byte of a later head it has as long as the first."""
        if self._lingering.ended:
            return
        super().data_received(data)
        if self._lingering.ended:
            return
        if self.conn.their_state is not h11.IDLE:
            self._head_arrived()
        elif self._head_late is None:
            self._await_head()

    def on_response_complete(self) -> None:
        """Goes on to the next request; between two the keep-alive timeout counts."""
        self._head_arrived()
        super().on_response_complete()

    def send_400_response(self, _msg: str) -> None:
        """Refuses what is not HTTP, and closes."""
        self._refuse(reasons.ERROR_REASON_BAD_REQUEST)

    def _refuse(self, reason: int) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True  # its body can no longer be read: nobody hears its answer
            self.cycle.message_event.set()
        self._head_arrived()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.write(self._problem(reason))
        self.transport.close()

    def _problem(self, reason: int) -> bytes:
        identifier = str(uuid7())
        token = REQUEST_ID.set(identifier)
        try:
            answer = render(Fault(reason), "")
        finally:
            REQUEST_ID.reset(token)
        own = ((b"x-request-id", identifier.encode("ascii")), (b"connection", b"close"))
        headers: list[tuple[bytes, bytes]] = [*answer.raw_headers, *DEFENSIVE_HEADERS, *own]
        events = (
            h11.Response(status_code=answer.status_code, headers=headers),
            h11.Data(data=bytes(answer.body)),
            h11.EndOfMessage(),
        )
        return b"".join(self.conn.send(event) or b"" for event in events)

    def _await_head(self) -> None:
        self._head_late = self.loop.call_later(HEAD_SECONDS, self._refuse, reasons.ERROR_REASON_REQUEST_TIMEOUT)

    def _head_arrived(self) -> None:
        if self._head_late is not None:
            self._head_late.cancel()
            self._head_late = None
