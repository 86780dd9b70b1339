"""Upstreams of memory, which record what they are sent, and the real pool, whose connections lead to them.

An upstream answers as soon as it has read a whole request by the reference, or, an eager one, once it has read a head.
"""

import asyncio
from weakref import WeakValueDictionary

from edge.deadlines import Deadlines
from edge.upstream.connection import UpstreamConnection
from edge.upstream.known import KnownAnswers
from edge.upstream.pool import Lease, UpstreamPool
from tests.edge.plane import DATED
from tests.edge.wire.reference import read_requests
from tests.edge.wire.trace import Sent, Trace
from tests.edge.wire.transport import Memory

TO_HEAD = DATED.removesuffix(b"ok")


class _Upstream:
    """Reads requests and answers each; `eager`: before its body."""

    def __init__(self, sent: Sent, loop: asyncio.AbstractEventLoop, *, eager: bool) -> None:
        self._sent = sent
        self._loop = loop
        self._eager = eager
        self._read = 0
        self._answered = 0
        self._in_chunks = False
        self.transport: Memory

    def take(self, data: bytes) -> None:
        """Records octets; answers what they complete."""
        self._sent.octets += data
        if self._in_chunks and not data.endswith(b"0\r\n\r\n"):
            return  # not to read a body again and again for each chunk
        reading = read_requests(bytes(self._sent.octets[self._read :]), empty_lines=False)
        whole = [request for request in reading.requests if request.complete or self._eager]
        for request in whole[self._answered :]:
            answer = TO_HEAD if request.method == b"HEAD" else DATED
            self._loop.call_soon(self.transport.deliver, answer)
        if len(reading.requests) == len(whole) and not reading.rest and all(request.complete for request in whole):
            self._read, self._answered, self._in_chunks = len(self._sent.octets), 0, False
        else:
            self._answered = len(whole)
            self._in_chunks = bool(reading.requests) and reading.requests[-1].chunked


class Pool(UpstreamPool):
    """The real pool; its new connections lead to a recording upstream."""

    def __init__(self, trace: Trace, deadlines: Deadlines, moved: list[None], *, eager: bool) -> None:
        # not the pool's own: making its TLS context takes 40 ms, and no target here speaks TLS
        self._used = set()
        self._leases = WeakValueDictionary()
        self._deadlines = deadlines
        self._trace = trace
        self._moved = moved
        self._eager = eager
        self._heads = KnownAnswers()

    async def _connect(self, lease: Lease) -> UpstreamConnection:
        loop, sent = asyncio.get_running_loop(), Sent()
        self._trace.upstreams.append(sent)
        behind = _Upstream(sent, loop, eager=self._eager)
        behind.transport = Memory(loop, behind.take, sent.end, self._moved)
        connection = UpstreamConnection(self._deadlines, self._heads)
        behind.transport.protocol = connection
        connection.connection_made(behind.transport)
        return connection
