"""One callable shape for all four kinds of rpc, so that an interceptor is written once.

A handler takes the request (or the request iterator) and the context, and is awaited once: a stream of answers
is written to the context by the innermost loop. So a long stream pays nothing per message for the chain.
"""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import grpc
from penstock.errors.v1 import error_reason_pb2 as reasons

from svckit.errors import Fault

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Handler: TypeAlias = Callable[[Any, Context], Awaitable[Any]]
MethodHandler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


@dataclass(frozen=True, slots=True)
class Rpc:
    """What is called: the full method name (`/package.Service/Method`), and whether one side sends a stream."""

    method: str
    streaming: bool = False


# Wraps the handler of an rpc.
Interceptor: TypeAlias = Callable[[Rpc, Handler], Handler]


def intercepted(method: str, handler: MethodHandler, chain: Sequence[Interceptor]) -> MethodHandler:
    """The handler with `chain` around it, the first interceptor outermost."""
    rpc = Rpc(method, bool(handler.request_streaming or handler.response_streaming))
    call = _uniform(method, handler)
    for interceptor in reversed(chain):
        call = interceptor(rpc, call)
    build = _BUILDERS[bool(handler.request_streaming), bool(handler.response_streaming)]
    return build(
        call,
        request_deserializer=handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )


_BUILDERS: dict[tuple[bool, bool], Callable[..., MethodHandler]] = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}


def _uniform(method: str, handler: MethodHandler) -> Handler:
    behaviour: Any = handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
    if inspect.isasyncgenfunction(behaviour):
        return _written(behaviour)
    if inspect.iscoroutinefunction(behaviour):
        return cast(Handler, behaviour)
    if getattr(behaviour, "__module__", "").endswith("_pb2_grpc"):
        return _unimplemented  # the generated default, which is synchronous
    # grpc.aio would run it in a thread that does not stop with the server (grpc#37518).
    raise TypeError(f"{method} is served by a function that is not async")


def _written(generator: Callable[[Any, Context], Any]) -> Handler:
    async def write_all(request: Any, context: Context) -> None:
        # Closed at once when the call ends: the generator's `finally` must not wait for the garbage collector.
        async with aclosing(generator(request, context)) as answers:
            async for answer in answers:
                await context.write(answer)

    return write_all


async def _unimplemented(_request: Any, _context: Context) -> None:
    raise Fault(reasons.ERROR_REASON_UNIMPLEMENTED)
