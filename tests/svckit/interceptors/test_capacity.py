"""So many calls at a time: what comes beyond is refused at once, and nobody else notices."""

import asyncio
import contextlib
from typing import Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue as Text
from grpc_health.v1 import health_pb2, health_pb2_grpc
from penstock.errors.v1 import error_reason_pb2 as reasons

from svckit.errors import Fault, from_rpc_error
from svckit.interceptors.capacity import shedding
from svckit.interceptors.shape import Context, Rpc
from tests.support.services import ServiceHost
from tests.svckit.echo import COLLECT, METHODS, SAY, WATCH, EchoStub, echo_mount


class Holding:
    """A handler that says how many calls are inside, and lets go of all on a word."""

    def __init__(self, expected: int) -> None:
        self._expected = expected
        self._inside = 0
        self.full = asyncio.Event()
        self.go = asyncio.Event()

    async def say(self, request: Text, _context: Context) -> Text:
        self._inside += 1
        if self._inside == self._expected:
            self.full.set()
        await self.go.wait()
        return request


async def test_a_full_process_refuses_calls_at_once_and_serves_again_when_there_is_room(
    service_host: ServiceHost,
) -> None:
    holding = Holding(2)

    async def watch(request: Text, _context: Context) -> Any:
        yield request

    mount = echo_mount({SAY: holding.say, WATCH: watch})
    hosted = await service_host.serve("authsvc", METHODS, [mount], max_calls=2)
    channel = await hosted.channel("edge")
    stub = EchoStub(channel)
    async with asyncio.timeout(10):
        held = [stub.say(Text(value=str(number))) for number in range(2)]
        await holding.full.wait()
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.say(Text())
        health = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        streamed: Any = await stub.watch(Text(value="a stream")).read()
        holding.go.set()
        answers = [(await call).value for call in held]
        after = await stub.say(Text(value="after"))

    assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert from_rpc_error(refused.value).reason == reasons.ERROR_REASON_OVERLOADED
    assert health.status == health_pb2.HealthCheckResponse.SERVING
    assert streamed.value == "a stream"
    assert (answers, after.value) == (["0", "1"], "after")


async def test_room_is_made_however_a_call_ends(service_host: ServiceHost) -> None:
    async def say(request: Text, _context: Context) -> Text:
        match request.value:
            case "hang":
                await asyncio.Event().wait()
            case "fail":
                raise ValueError
        return request

    hosted = await service_host.serve("authsvc", METHODS, [echo_mount({SAY: say})], max_calls=1)
    stub = EchoStub(await hosted.channel("edge"))
    for value in ("fail", "hang"):
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.say(Text(value=value), timeout=0.2)
    served = None
    async with asyncio.timeout(10):
        while served is None:  # the server learns of the deadline by itself
            with contextlib.suppress(grpc.aio.AioRpcError):
                served = await stub.say(Text(value="served"))
    assert served.value == "served"


async def test_streams_have_a_bound_of_their_own() -> None:
    go = asyncio.Event()

    async def wait(_request: Any, _context: Any) -> None:
        await go.wait()

    interceptor = shedding(calls=1, streams=2)
    watch, collect = (interceptor(Rpc(method, streaming=True), wait) for method in (WATCH, COLLECT))
    say = interceptor(Rpc(SAY), wait)
    context: Any = None
    async with asyncio.TaskGroup() as tasks:
        for each in (watch, collect, say):
            tasks.create_task(each(None, context))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        for each in (watch, collect, say):
            with pytest.raises(Fault) as refused:
                await each(None, context)
            assert refused.value.reason == reasons.ERROR_REASON_OVERLOADED
        go.set()
    await watch(None, context)
