"""Refuses work whose time is over and remembers the deadline, so that calls made on the way share it."""

import time
from typing import Any, Final

from penstock.errors.v1 import error_reason_pb2 as reasons

from svckit.call_context import DEADLINE
from svckit.errors import Fault
from svckit.interceptors.shape import Context, Handler, Rpc

# Without a deadline `time_remaining()` is None or huge but finite (grpc#26236), and breaks when passed on.
_UNBOUNDED_SECONDS: Final = 365 * 86400.0


def with_deadline(_rpc: Rpc, handler: Handler) -> Handler:
    """Sets the absolute deadline of the call; DEADLINE_EXCEEDED when it has passed before the work began."""

    async def bounded(request: Any, context: Context) -> Any:
        remaining = bounded_seconds(context.time_remaining())
        if remaining is not None:
            if remaining <= 0:
                raise Fault(reasons.ERROR_REASON_DEADLINE_EXCEEDED)
            DEADLINE.set(time.monotonic() + remaining)
        return await handler(request, context)

    return bounded


def bounded_seconds(remaining: float | None) -> float | None:
    """The time left of a call as gRPC tells it, or None when it has no deadline."""
    return None if remaining is None or remaining > _UNBOUNDED_SECONDS else remaining
