"""Sheds load: so many calls at a time and no more. What comes beyond is refused at once, before it costs anything.

Own counters in place of gRPC's `maximum_concurrent_rpcs`, which let streams take the room of calls, refuses without
a reason of ours, and lost count up to 1.76 (grpc#41531).
"""

from typing import Any, Final

from penstock.errors.v1 import error_reason_pb2 as reasons

from svckit.errors import Fault
from svckit.interceptors.shape import Context, Handler, Interceptor, Rpc

# Streams stay open for as long as their peer lives: a handful for each worker of each edge.
MAX_STREAMS: Final = 4096
# Supervisors end a process that does not answer: a busy one is not to be ended.
_ALWAYS: Final = "/grpc.health."


def shedding(calls: int, streams: int = MAX_STREAMS) -> Interceptor:
    """Serves at most `calls` calls with one answer at a time and, counted apart, `streams` streams; OVERLOADED
    beyond. Health is always told."""
    calls_room, streams_room = _Room(calls), _Room(streams)

    def interceptor(rpc: Rpc, handler: Handler) -> Handler:
        if rpc.method.startswith(_ALWAYS) and not rpc.streaming:
            return handler
        room = streams_room if rpc.streaming else calls_room

        async def admitted(request: Any, context: Context) -> Any:
            if room.free <= 0:
                raise Fault(reasons.ERROR_REASON_OVERLOADED)
            room.free -= 1
            try:
                return await handler(request, context)
            finally:
                room.free += 1

        return admitted

    return interceptor


class _Room:
    """How many more are admitted."""

    __slots__ = ("free",)

    def __init__(self, free: int) -> None:
        self.free = free
