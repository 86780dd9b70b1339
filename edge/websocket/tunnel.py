"""One open WebSocket: what one side sends is read frame by frame and written to the other side at once, as it came.

A client's frames stay masked with the keys that it chose. Masking keeps what scripts write from looking like another
protocol to whatever reads along (RFC 6455 §10.3), and for that it matters who chose the key, not how often it is sent.

A side that takes nothing more stops the reading of the other, so a tunnel holds two reads and two write buffers at
most. Close frames pass like others. When the edge ends a tunnel it puts Close frames of its own behind the last frame
of each direction, and waits a moment for theirs.
"""

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from enum import Enum, auto
from math import inf
from sys import maxsize
from typing import Final

from penstock.errors.v1 import error_reason_pb2 as reasons

from edge.client import ClientConnection
from edge.routing import WebSocketLimits
from edge.story import Story, in_task
from edge.upstream.connection import UpstreamConnection
from edge.websocket.endings import IDLE, RESTARTING, Ending, client_broke, upstream_broke
from edge.websocket.frames import ABNORMAL, FrameReader, close_frame
from edge.websocket.meter import Meter
from edge.websocket.tunnels import Passed, Tunnels
from edge.websocket.warrant import Warrant

CHECK_SECONDS: Final = 1.0
"""How late a tunnel on which nothing passes may learn that it has to end; nothing passes that is later at all."""
CLOSE_SECONDS: Final = 5.0
"""For the rest of a frame, and for a side to answer a Close frame."""


class Passage(Enum):
    """What may still pass in one direction."""

    OPEN = auto()
    LAST = auto()
    """The rest of the frame under way, then a Close frame of ours."""
    SHUT = auto()
    """Nothing: a Close frame has passed, or cannot any more."""


class Event(Enum):
    """What happens to a direction."""

    CLOSED = auto()
    """A Close frame of its own has passed."""
    STOPPED = auto()
    """The edge ends the tunnel, between two frames."""
    STOPPED_WITHIN = auto()
    """The same within one."""
    CUT = auto()
    """The same, and nothing may pass any more."""
    FRAME_ENDED = auto()


NEXT: Final[Mapping[tuple[Passage, Event], Passage]] = {
    (Passage.OPEN, Event.CLOSED): Passage.SHUT,
    (Passage.OPEN, Event.STOPPED): Passage.SHUT,
    (Passage.OPEN, Event.STOPPED_WITHIN): Passage.LAST,
    (Passage.OPEN, Event.CUT): Passage.SHUT,
    (Passage.LAST, Event.FRAME_ENDED): Passage.SHUT,
    (Passage.LAST, Event.CUT): Passage.SHUT,
}
"""Whatever does not stand here changes nothing."""


class Flow:
    """One direction: the reader of what its source sends, and where it goes."""

    __slots__ = ("farewell", "octets", "passage", "passed", "reader", "sink")

    def __init__(self, reader: FrameReader, sink: asyncio.Transport, passed: Passed) -> None:
        self.reader = reader
        self.sink = sink
        self.passed = passed
        self.passage = Passage.OPEN
        self.octets = 0
        self.farewell = b""
        """Our Close frame, once it is known."""

    def happened(self, event: Event) -> None:
        """Goes on to the next passage, with our Close frame where that is due."""
        before = self.passage
        self.passage = NEXT.get((before, event), before)
        if before is not self.passage is Passage.SHUT and event in (Event.STOPPED, Event.FRAME_ENDED):
            self.sink.write(self.farewell)

    def stop(self, farewell: bytes, *, at_once: bool = False) -> None:
        """Ends it: between two frames with a Close frame."""
        self.farewell = farewell
        if self.reader.between_frames:
            self.happened(Event.STOPPED)
        else:
            self.happened(Event.CUT if at_once else Event.STOPPED_WITHIN)

    def take(self, data: bytes, frames: int) -> None:
        """Passes of the octets what may pass."""
        reader, passed = self.reader, self.passed
        messages = reader.messages
        if self.passage is Passage.LAST:
            frames = 0
        octets = reader.feed(data, frames)
        if self.passage is Passage.SHUT:
            return
        if octets:
            self.sink.write(octets)
            self.octets += len(octets)
            passed.octets += len(octets)
            passed.messages += reader.messages - messages
        if reader.closed:
            self.happened(Event.CLOSED)
        if reader.between_frames:
            self.happened(Event.FRAME_ENDED)


class Tunnel:
    """Both directions, and when they end. `over` is told once nothing is left of it; then `code` says how it ended."""

    def __init__(
        self,
        client: ClientConnection,
        upstream: UpstreamConnection,
        limits: WebSocketLimits,
        warrant: Warrant,
        tunnels: Tunnels,
        over: Callable[[], None],
        *,
        extended: bool,
    ) -> None:
        self._client, self._upstream = client, upstream
        self._idle_seconds = limits.idle_seconds
        self._warrant = warrant
        self._over = over
        self._loop = client.loop
        self._meter = None if limits.messages is None else Meter(*limits.messages)
        self.up = Flow(
            FrameReader(masked=True, extended=extended, max_message_bytes=limits.max_message_bytes),
            upstream.transport,
            tunnels.received,
        )
        self.down = Flow(FrameReader(masked=False, extended=extended), client.transport, tunnels.sent)
        self.code = 0
        """That of the Close frame which came first, or was ours to the client; 1006 without any; 0 while it is open."""
        self.failure = 0
        """A reason of the catalogue, where the edge ended it for one; 0 otherwise."""
        self._held: list[tuple[Flow, bytes]] | None = None
        """What came while it is asked whether the tunnel goes on; None while that is not in question."""
        self._ends_at = inf
        """When it is given up; by the loop's time."""
        self._passed_at = self._loop.time()
        self._client_blocked_at = self._upstream_blocked_at = inf
        """Since when a side takes nothing."""
        self._upstream_gone = self._stopped = self._ended = False

    def begin(self, rest: bytes) -> None:
        """Takes both connections over; `rest` came from the upstream behind its answer."""
        self._upstream.transport.set_protocol(_UpstreamSide(self, self._upstream))
        self._look_in(CHECK_SECONDS)
        if not self._client.writable:
            self.client_blocked()
        if rest:
            self.take(self.down, rest)

    # -- what passes -------------------------------------------------------------------------------------------

    def from_client(self, data: bytes) -> None:
        """Takes what the client sends."""
        self.take(self.up, data)

    def take(self, flow: Flow, data: bytes) -> None:
        """Takes what the source of a direction sends."""
        if self._held is None and not self._stopped and not self._warrant.holds(time.time()):
            self._judge()
        if self._held is not None:
            self._held.append((flow, data))
            return
        self._pass(flow, data)

    def _pass(self, flow: Flow, data: bytes) -> None:
        if self._ended:
            return
        now = self._passed_at = self._loop.time()
        reader, meter = flow.reader, self._meter
        if flow is self.down or meter is None:
            flow.take(data, maxsize)
        else:
            frames = reader.frames
            flow.take(data, meter.left(now))
            meter.spend(reader.frames - frames, now)
        if reader.fault is not None and not self._stopped:
            self.end(client_broke(reader.fault) if flow is self.up else upstream_broke(reader.fault))
        elif reader.closed and not self.code:
            self.code = reader.closed
            self._give_time()
        if flow.passage is Passage.SHUT:
            self._end_if_said()

    def _judge(self) -> None:
        """Ends the tunnel if it may not go on after a change. While that cannot be told nothing passes."""
        verdict = self._warrant.judge(time.time())
        if isinstance(verdict, Ending):
            self.end(verdict)
        elif not verdict:
            self._held = []
            self._steer()
            Story(self._ask())

    async def _ask(self) -> None:
        verdict = await in_task(self._warrant.ask())
        held, self._held = self._held or [], None
        if isinstance(verdict, Ending):
            self.end(verdict)
        self._steer()
        for flow, data in held:
            self._pass(flow, data)  # which was asked about

    # -- back-pressure -----------------------------------------------------------------------------------------

    def client_blocked(self) -> None:
        """The client takes no more for now."""
        self._client_blocked_at = self._loop.time()
        self._steer()

    def client_unblocked(self) -> None:
        """The client takes more."""
        self._client_blocked_at = inf
        self._steer()

    def upstream_blocked(self) -> None:
        """The upstream takes no more for now."""
        self._upstream_blocked_at = self._loop.time()
        self._steer()

    def upstream_unblocked(self) -> None:
        """The upstream takes more."""
        self._upstream_blocked_at = inf
        self._steer()

    def _steer(self) -> None:
        """Reads each side if the other takes it, or if nothing of it passes."""
        held = self._held is not None
        if self._ended or self._client.closed:
            return
        if self.up.passage is not Passage.SHUT and (held or self._upstream_blocked_at < inf):
            self._client.pause_reading()
        else:
            self._client.resume_reading()
        if self.down.passage is not Passage.SHUT and (held or self._client_blocked_at < inf):
            self._upstream.pause_reading()
        else:
            self._upstream.resume_reading()

    # -- the end -----------------------------------------------------------------------------------------------

    def end(self, ending: Ending) -> None:
        """Ends it for a reason of the edge's own. Only the first reason counts."""
        if self._stopped or self._ended:
            return
        self._stopped, self._held = True, None
        if not self.code:
            self.code, self.failure = ending.client, ending.failure
        self.down.stop(close_frame(ending.client, ending.reason))
        self.up.stop(close_frame(ending.upstream, ending.reason, os.urandom(4)), at_once=ending.at_once)
        if ending.at_once and not self.up.reader.between_frames:
            self._upstream.transport.close()  # in the middle of a frame nothing can be told
        self._steer()
        self._give_time()
        self._end_if_said()

    def restart(self) -> None:
        """The worker ends."""
        self.end(RESTARTING)

    def expire(self) -> None:
        """Looks after the tunnel: the idle time, the leave, the end of its time."""
        now = self._loop.time()
        if now >= self._ends_at:
            self._end()
            return
        if not self._stopped:
            since = min(self._passed_at, self._client_blocked_at, self._upstream_blocked_at)
            if now - since >= self._idle_seconds:
                self.end(IDLE)
            elif self._held is None and not self._warrant.holds(time.time()):
                self._judge()
        self._look_in(min(CHECK_SECONDS, self._ends_at - now))

    def client_gone(self) -> None:
        """The client's connection is lost. What it has sent still goes out, for a moment."""
        if not self._ended:
            self._stopped = True
            self.down.happened(Event.CUT)
            self._give_time()
            self._upstream.transport.close()

    def upstream_gone(self) -> None:
        """The upstream's connection is lost: nothing more comes."""
        self._upstream_gone = True
        if not self.code and not self._client.closed:
            self.failure = reasons.ERROR_REASON_DOWNSTREAM_RESET
        self._end()

    def _give_time(self) -> None:
        self._ends_at = min(self._ends_at, self._loop.time() + CLOSE_SECONDS)
        self._look_in(CLOSE_SECONDS)

    def _look_in(self, seconds: float) -> None:
        self._upstream.deadline = self._loop.time() + seconds
        self._upstream.hasten()

    def _end_if_said(self) -> None:
        """Ends it once each side has said its Close, or has nothing to say that could be read, and has heard one."""
        said = all(each.reader.closed or each.reader.fault is not None for each in (self.up, self.down))
        if said and self.up.passage is self.down.passage is Passage.SHUT:
            self._end()

    def _end(self) -> None:
        if self._ended:
            return
        self._ended = True
        self.code = self.code or ABNORMAL
        self._held = None
        self._client.take_back(whole=bool(self.up.reader.closed))
        if not self._upstream_gone:
            self._upstream.transport.close()
        self._over()


class _UpstreamSide(asyncio.Protocol):
    """Stands for the upstream's connection once it is a tunnel's."""

    __slots__ = ("_connection", "_tunnel")

    def __init__(self, tunnel: Tunnel, connection: UpstreamConnection) -> None:
        self._tunnel, self._connection = tunnel, connection

    def data_received(self, data: bytes) -> None:
        self._tunnel.take(self._tunnel.down, data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection.receiver = None  # it is told here
        self._connection.connection_lost(exc)
        self._tunnel.upstream_gone()

    def pause_writing(self) -> None:
        self._tunnel.upstream_blocked()

    def resume_writing(self) -> None:
        self._tunnel.upstream_unblocked()
