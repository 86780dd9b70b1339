"""All four kinds of rpc go through one shape; what is not async is refused."""

import asyncio
from typing import Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue as Text
from penstock.ratelimit.v1 import rate_limit_service_pb2_grpc as ratelimit

from svckit.interceptors.shape import Context, Handler, Rpc, intercepted
from tests.support.services import ServiceHost
from tests.svckit.echo import CHAT, COLLECT, METHODS, SAY, WATCH, EchoStub, echo_mount, say


async def count_down(request: Text, _context: Context) -> Any:
    for number in range(int(request.value), 0, -1):
        yield Text(value=str(number))


async def join(requests: Any, _context: Context) -> Text:
    return Text(value="".join([request.value async for request in requests]))


async def shout(requests: Any, _context: Context) -> Any:
    async for request in requests:
        yield Text(value=request.value.upper())


async def write_twice(request: Text, context: Context) -> None:
    await context.write(request)
    await context.write(request)


async def test_every_kind_of_rpc_is_served(service_host: ServiceHost) -> None:
    behaviours = {SAY: say, WATCH: count_down, COLLECT: join, CHAT: shout}
    hosted = await service_host.serve("authsvc", METHODS, [echo_mount(behaviours)])
    stub = EchoStub(await hosted.channel("edge"))
    letters = [Text(value=letter) for letter in "abc"]

    assert (await stub.say(Text(value="hi"))).value == "hi"
    assert [answer.value async for answer in stub.watch(Text(value="3"))] == ["3", "2", "1"]
    assert (await stub.collect(iter(letters))).value == "abc"
    assert [answer.value async for answer in stub.chat(iter(letters))] == ["A", "B", "C"]


async def test_a_handler_may_write_its_stream_itself(service_host: ServiceHost) -> None:
    hosted = await service_host.serve("authsvc", METHODS, [echo_mount({WATCH: write_twice})])
    call = EchoStub(await hosted.channel("edge")).watch(Text(value="x"))

    assert [answer.value async for answer in call] == ["x", "x"]


async def test_the_chain_wraps_in_order_and_once_per_stream() -> None:
    seen: list[str] = []

    def noting(name: str) -> Any:
        def interceptor(_rpc: Rpc, handler: Handler) -> Handler:
            async def noted(request: Any, context: Context) -> Any:
                seen.append(f"{name} in")
                answer = await handler(request, context)
                seen.append(f"{name} out")
                return answer

            return noted

        return interceptor

    class Written:
        async def write(self, message: Text) -> None:
            seen.append(message.value)

    handler: Any = intercepted(
        WATCH, grpc.unary_stream_rpc_method_handler(count_down), (noting("outer"), noting("inner"))
    )
    await handler.unary_stream(Text(value="2"), Written())

    assert seen == ["outer in", "inner in", "2", "1", "inner out", "outer out"]


async def test_a_streams_handler_is_closed_when_its_call_ends() -> None:
    closed: list[bool] = []

    async def watch(_request: Text, _context: Context) -> Any:
        try:
            while True:
                yield Text()
        finally:
            closed.append(True)

    class Gone:
        async def write(self, _message: Text) -> None:
            raise asyncio.CancelledError

    handler: Any = intercepted(WATCH, grpc.unary_stream_rpc_method_handler(watch), ())
    with pytest.raises(asyncio.CancelledError):
        await handler.unary_stream(Text(), Gone())
    assert closed == [True]


def test_a_synchronous_handler_is_refused() -> None:
    def blocking(request: Text, _context: Context) -> Text:
        return request

    with pytest.raises(TypeError, match="not async"):
        intercepted(SAY, grpc.unary_unary_rpc_method_handler(blocking), ())


async def test_a_method_that_a_servicer_does_not_define_is_unimplemented() -> None:
    generated: Any = ratelimit.RateLimitServiceServicer
    handler: Any = intercepted("/x/Y", grpc.unary_unary_rpc_method_handler(generated().Check), ())

    with pytest.raises(Exception, match="UNIMPLEMENTED"):
        await handler.unary_unary(None, None)
