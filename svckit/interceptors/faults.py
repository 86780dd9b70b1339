"""Turns what a handler raises into a status of the catalogue: the one broad `except` of a service.

A `Fault` goes out as it is. Anything else is ours: its text and trace go to the log, the caller learns the
reason only. grpc.aio on its own would send `Unexpected <class …>: text` (a leak).
"""

from typing import Any, Final, Never

import asyncpg
import grpc
import structlog
from penstock.errors.v1 import error_reason_pb2 as reasons

from svckit.errors import DETAILS_KEY, Fault, from_rpc_error, to_status
from svckit.interceptors.shape import Context, Handler, Interceptor, Rpc
from svckit.postgres import AWAY

# A store or a peer is out of reach. InterfaceError: a connection was lost under its user's hands; not so while one
# is opened, where it means a URL that is none.
_AWAY: Final = (*AWAY, asyncpg.InterfaceError)
_PASSED_ON: Final = frozenset(
    {reasons.ERROR_REASON_UNAVAILABLE, reasons.ERROR_REASON_DEADLINE_EXCEEDED, reasons.ERROR_REASON_OVERLOADED}
)
log = structlog.get_logger()


def translating_faults(away: tuple[type[Exception], ...] = ()) -> Interceptor:
    """Translates; exceptions of the types `away` mean that a store is out of reach (UNAVAILABLE)."""

    def interceptor(_rpc: Rpc, handler: Handler) -> Handler:
        async def translated(request: Any, context: Context) -> Any:
            try:
                return await handler(request, context)
            except grpc.aio.AbortError:
                raise  # an Exception by its class, a finished answer by its meaning
            except Exception as error:
                return await _abort(context, fault_of(error, away))

        return translated

    return interceptor


def fault_of(error: Exception, away: tuple[type[Exception], ...] = ()) -> Fault:
    """The fault that a caller may be told of for whatever was raised; what it really was goes to the log."""
    if isinstance(error, Fault):
        return error
    if isinstance(error, grpc.aio.AioRpcError):
        # A peer's refusal of *our* call says nothing about the caller's, unless it is an outage.
        inner = from_rpc_error(error)
        log.warning("call to a peer failed", code=error.code().name, details=error.details())
        return inner if inner.reason in _PASSED_ON else Fault(reasons.ERROR_REASON_INTERNAL)
    if isinstance(error, (*_AWAY, *away)):
        log.warning("dependency out of reach", error=repr(error))
        return Fault(reasons.ERROR_REASON_UNAVAILABLE)
    log.error("handler failed", exc_info=error)
    return Fault(reasons.ERROR_REASON_INTERNAL)


async def _abort(context: Context, fault: Fault) -> Never:
    details = (DETAILS_KEY, to_status(fault).SerializeToString())
    context.set_trailing_metadata((*(context.trailing_metadata() or ()), details))
    await context.abort(fault.spec.grpc_status, fault.detail)
