"""One connection of the management API: uvicorn's h11 protocol with what it leaves open closed.

What cannot be read is refused as a problem, not as plain text, and a head has to arrive in time. h11, not
httptools: it is strict about framing, and this port is not busy.
"""

import asyncio
from typing import Final

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


class AdminConnection(H11Protocol):
    """Serves one client connection."""

    _head_late: asyncio.TimerHandle | None = None
    _lingering: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Starts waiting for the first head."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops waiting."""
        self._head_arrived()
        if self._lingering is not None:
            self._lingering.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Reads on; from the first byte of a later head it has as long as the first."""
        if self._lingering is not None:
            return
        super().data_received(data)
        if self._lingering is not None:
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
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.close()
            return
        self._head_arrived()
        self.transport.write(self._problem(reason))
        self.transport.write_eof()
        self._lingering = self.loop.call_later(LINGER_SECONDS, self.transport.close)

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
