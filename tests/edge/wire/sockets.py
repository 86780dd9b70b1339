"""The edge over real sockets, in front of an upstream that records: one client's connection at a time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from penstock.telemetry.v1.record_pb2 import RequestRecord

from domain.tenants import DEFAULT_TENANT
from edge.client import ClientLimits
from edge.routing import Timeouts
from edge.visit import record_octets
from tests.edge.plane import DATED, DEADLINE, Plane, plane, route
from tests.edge.wire.answers import Unreadable, read_answers
from tests.edge.wire.reference import read_requests
from tests.edge.wire.trace import Sent, Trace
from tests.edge.wire.upstream import TO_HEAD


class _Upstream(asyncio.Protocol):
    """One connection of the recording upstream; answers each whole request."""

    def __init__(self, sockets: "Sockets") -> None:
        self._sockets = sockets
        self._answered = 0
        self.sent = Sent()
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._sockets.upstreams.append(self)

    def data_received(self, data: bytes) -> None:
        if not self.sent.octets:
            self._sockets.sent.append(self.sent)
        self.sent.octets += data
        whole = [one for one in read_requests(bytes(self.sent.octets), empty_lines=False).requests if one.complete]
        for request in whole[self._answered :]:
            self.transport.write(TO_HEAD if request.method == b"HEAD" else DATED)
        self._answered = len(whole)

    def connection_lost(self, exc: Exception | None) -> None:
        self.sent.end()
        self._sockets.upstreams.remove(self)
        self._sockets.gone.set()

    def begin(self) -> None:
        """Records for another client from now on."""
        self.sent, self._answered = Sent(), 0


class Sockets:
    """A running edge and its upstream."""

    def __init__(self) -> None:
        self.upstreams: list[_Upstream] = []
        self.sent: list[Sent] = []
        self.gone = asyncio.Event()
        self.edge: Plane

    async def send(self, octets: bytes, to_head: list[bool]) -> Trace:
        """Sends the octets over a connection of their own and says no more once so many answers are there; what came
        of it. `to_head` tells which answers are to a HEAD."""
        self.sent.clear()
        for upstream in self.upstreams:
            upstream.begin()
        trace, first = Trace(octets), len(self.edge.visits)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.edge.port)
        async with asyncio.timeout(DEADLINE):
            writer.write(octets)
            try:
                while data := await reader.read(65536):
                    trace.got += data
                    if _all_there(bytes(trace.got), to_head) and writer.can_write_eof():
                        writer.write_eof()
                trace.end()
            except ConnectionResetError:
                trace.end()
            await self._cut()
        writer.close()
        trace.upstreams = list(self.sent)
        trace.visits = self.edge.visits[first:]
        trace.records = [RequestRecord.FromString(record_octets(visit, DEFAULT_TENANT, 0.0)) for visit in trace.visits]
        return trace

    async def _cut(self) -> None:
        """Waits until what was passed on in part only is cut off."""
        for sent in self.sent:
            while not sent.cut and not all(
                request.complete for request in read_requests(bytes(sent.octets), empty_lines=False).requests
            ):
                self.gone.clear()
                await self.gone.wait()


def _all_there(got: bytes, to_head: list[bool]) -> bool:
    try:
        return len(read_answers(got, to_head)) == len(to_head)
    except Unreadable:
        return False


@asynccontextmanager
async def sockets(seconds: float) -> AsyncIterator[Sockets]:
    """Runs an edge that waits so long for whatever a client owes it."""
    running = Sockets()
    server = await asyncio.get_running_loop().create_server(lambda: _Upstream(running), "127.0.0.1", 0)
    limits = ClientLimits(head_seconds=seconds, body_seconds=seconds, idle_seconds=seconds)
    everything = route(
        server.sockets[0].getsockname()[1], prefix="/", timeouts=Timeouts(response=seconds, idle=seconds)
    )
    try:
        async with plane([everything], limits=limits) as running.edge:
            yield running
    finally:
        server.close()
