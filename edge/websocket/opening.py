"""The exchange of a request that asks for a WebSocket: an ordinary one, until its upstream agrees; then a tunnel."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from penstock.errors.v1 import error_reason_pb2 as reasons

from edge.client import ClientConnection
from edge.exchange import Exchange, Outcome
from edge.http.answer import NO_BODY, answer_head
from edge.http.head import Head
from edge.inbound import InboundRequest
from edge.routing import Timeouts, WebSocketLimits
from edge.standing import Way
from edge.websocket.handshake import UPGRADE_LINES, Asked, agreed
from edge.websocket.tunnel import Tunnel
from edge.websocket.tunnels import Tunnels
from edge.websocket.warrant import Warrant

UPSTREAMS = (reasons.ERROR_REASON_DOWNSTREAM_RESET, reasons.ERROR_REASON_DOWNSTREAM_INVALID)
"""Ends that are an upstream's failure."""


@dataclass(frozen=True, slots=True)
class Permit:
    """What was judged of a request for a WebSocket before its upstream is asked."""

    asked: Asked
    limits: WebSocketLimits
    warrant: Warrant
    tunnels: Tunnels


class Opening(Exchange):
    """Becomes a tunnel when the upstream answers 101 as it was asked; passes any other answer on."""

    tunnel: Tunnel | None = None

    def __init__(
        self,
        permit: Permit,
        client: ClientConnection,
        request: InboundRequest,
        head: Head,
        way: Way,
        timeouts: Timeouts,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(client, request, head, way, timeouts, loop)
        self._permit = permit
        self._asking = client
        self._request = request
        self.switched = self._switched

    def _switched(self, fields: Sequence[tuple[bytes, bytes]], lines: bytes, rest: bytes) -> bool:
        extensions = agreed(self._permit.asked, fields)
        if extensions is None:
            return False
        self.answered_at = time.perf_counter()
        self._spares(101)  # it is well; the tunnel may last for days
        client, permit = self._asking, self._permit
        self.tunnel = tunnel = Tunnel(
            client,
            self.connection,
            permit.limits,
            permit.warrant,
            permit.tunnels,
            self._tunnel_over,
            extended=bool(extensions),
        )
        if not client.relay_to(tunnel.from_client):  # which had to wait (RFC 6455 §4.1)
            self.tunnel = None
            self._give_up(reasons.ERROR_REASON_BAD_REQUEST, "body")
            return True
        client.write(answer_head(101, UPGRADE_LINES + lines, NO_BODY, added=self._added, keep_alive=True, http_11=True))
        tunnel.begin(rest)
        if client.host.draining:
            tunnel.restart()
        return True

    def _tunnel_over(self) -> None:
        if self.tunnel is not None:
            self._request.body_bytes, self.sent_bytes = self.tunnel.up.octets, self.tunnel.down.octets
            self._permit.tunnels.count_end(self.tunnel.code)
            failure = self.tunnel.failure
            stage = "tunnel" if failure in UPSTREAMS else ""
            self._finish(Outcome(101, stage=stage, begun=True, close_code=self.tunnel.code, ended_for=failure))

    # -- the same events for whichever it is -------------------------------------------------------------------

    def client_gone(self) -> None:
        if self.tunnel is None:
            super().client_gone()
        else:
            self.tunnel.client_gone()

    def close_after(self) -> None:
        if self.tunnel is None:
            super().close_after()
        else:
            self.tunnel.restart()

    def client_blocked(self) -> None:
        if self.tunnel is None:
            super().client_blocked()
        else:
            self.tunnel.client_blocked()

    def client_unblocked(self) -> None:
        if self.tunnel is None:
            super().client_unblocked()
        else:
            self.tunnel.client_unblocked()

    def expire(self) -> None:
        if self.tunnel is None:
            super().expire()
        else:
            self.tunnel.expire()
