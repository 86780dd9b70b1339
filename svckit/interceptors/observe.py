"""Tells what came of each call: one log line and two Prometheus series, written when the call ends."""

import asyncio
import time
from typing import Any, Final

import grpc
import structlog

from svckit.call_context import caller
from svckit.interceptors.shape import Context, Handler, Interceptor, Rpc
from svckit.metrics import RpcMetrics

_NAMES: Final[dict[object, str]] = {code.value[0]: code.name for code in grpc.StatusCode}
# Polled every second or so by supervisors and balancers; called for every request of another gateway.
_QUIET: Final = ("/grpc.health.", "/grpc.reflection.", "/envoy.")
log = structlog.get_logger()


def observing(metrics: RpcMetrics) -> Interceptor:
    """Observes calls with `metrics`; a stream counts once, when it ends."""

    def interceptor(rpc: Rpc, handler: Handler) -> Handler:
        counted = metrics.of_method(rpc.method)
        write = log.debug if rpc.method.startswith(_QUIET) else log.info

        async def observed(request: Any, context: Context) -> Any:
            began = time.monotonic()
            code = "UNKNOWN"
            try:
                answer = await handler(request, context)
                code = _code(context)
                return answer
            except asyncio.CancelledError:
                code = "CANCELLED"
                raise
            except grpc.aio.AbortError:
                code = _code(context)
                raise
            finally:
                seconds = time.monotonic() - began
                counted(code, seconds)
                write("rpc", method=rpc.method, code=code, seconds=round(seconds, 6), caller=caller())

        return observed

    return interceptor


def _code(context: Context) -> str:
    """The code that the call ends with: None while nobody set one, else an int, whatever the stubs say."""
    code: object = context.code()
    if code is None:
        return "OK"
    return code.name if isinstance(code, grpc.StatusCode) else _NAMES.get(code, "UNKNOWN")
