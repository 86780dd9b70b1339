"""Calls to other services: always bounded, cancelled when abandoned, aware of a peer that stands still."""

import asyncio
import contextlib
import gc
import signal
import time
import weakref
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue as Text
from grpc_health.v1 import health_pb2
from penstock.errors.v1 import error_reason_pb2 as reasons

from svckit.call_context import DEADLINE
from svckit.channels import CHANNEL_OPTIONS, _Channel, _Outgoing, open_channel, open_stream
from svckit.errors import Fault
from svckit.interceptors.shape import Context
from svckit.message_bounds import MessageBounds
from tests.support.services import ServiceHost
from tests.svckit.echo import CHAT, METHODS, SAY, WATCH, EchoStub, echo_mount, say
from tests.svckit.processes import echo_process

SERVING = health_pb2.HealthCheckResponse.SERVING


@pytest.mark.parametrize("kind", ["unary", "stream"])
async def test_a_peer_that_stands_still_is_noticed(short_dir: Path, kind: str) -> None:
    async with echo_process(short_dir, "serve") as echo:
        await echo.until_health(SERVING)
        async with echo.channel(cap_seconds=60) as channel, asyncio.timeout(15):
            stub = EchoStub(channel)
            await stub.say(Text())
            call: Any = stub.say(Text(value="hang")) if kind == "unary" else stub.watch(Text())
            if kind == "stream":
                await call.read()
            echo.process.send_signal(signal.SIGSTOP)
            assert await call.code() == grpc.StatusCode.UNAVAILABLE


async def test_a_call_without_a_timeout_ends_at_the_cap(service_host: ServiceHost) -> None:
    async def hang(_request: Text, _context: Context) -> Text:
        await asyncio.Event().wait()
        return Text()

    hosted = await service_host.serve("authsvc", METHODS, [echo_mount({SAY: hang})])
    stub = EchoStub(await hosted.channel("edge", cap_seconds=0.05))

    for timeout in (None, 100):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.say(Text(), timeout=timeout)
        assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_call_made_too_late_is_not_sent(service_host: ServiceHost) -> None:
    hosted = await service_host.serve("authsvc", METHODS, [echo_mount({SAY: say})])
    stub = EchoStub(await hosted.channel("edge"))
    DEADLINE.set(time.monotonic() - 1)

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.say(Text())
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED


async def test_an_own_timeout_bounds_a_stream(service_host: ServiceHost) -> None:
    hosted = await service_host.serve("authsvc", METHODS, [echo_mount({WATCH: endless(asyncio.Event())})])

    call = EchoStub(await hosted.channel("edge")).watch(Text(), timeout=0.05)

    assert await call.code() == grpc.StatusCode.DEADLINE_EXCEEDED


def endless(ended: asyncio.Event) -> Any:
    async def watch(request: Text, _context: Context) -> Any:
        try:
            while True:
                yield request
                await asyncio.sleep(0.001)
        finally:
            ended.set()

    return watch


async def test_an_abandoned_stream_is_cancelled_at_the_server(service_host: ServiceHost) -> None:
    ended = asyncio.Event()
    hosted = await service_host.serve("authsvc", METHODS, [echo_mount({WATCH: endless(ended)})])
    stub = EchoStub(await hosted.channel("edge"))

    async def consume() -> None:
        async with open_stream(stub.watch(Text())) as call:
            await call.read()
            raise LookupError("the consumer failed")

    with pytest.raises(LookupError):
        await consume()
    async with asyncio.timeout(10):
        await ended.wait()


async def test_a_chat_is_the_plain_stream_in_both_directions(service_host: ServiceHost) -> None:
    async def chat(requests: Any, _context: Context) -> Any:
        async for request in requests:
            yield request

    hosted = await service_host.serve("authsvc", METHODS, [echo_mount({CHAT: chat})])
    async with open_stream(EchoStub(await hosted.channel("edge")).chat()) as call:
        assert isinstance(call, grpc.aio.StreamStreamCall)
        for word in ("a", "b"):
            await call.write(Text(value=word))
            answer: Any = await call.read()
            assert answer.value == word


async def test_own_metadata_goes_along(service_host: ServiceHost) -> None:
    async def metadata(_request: Text, context: Context) -> Text:
        return Text(value=str(dict(context.invocation_metadata() or ()).get("x-own")))

    hosted = await service_host.serve("authsvc", METHODS, [echo_mount({SAY: metadata})])

    answer = await EchoStub(await hosted.channel("edge")).say(Text(), metadata=(("x-own", "1"),))

    assert answer.value == "1"


async def test_a_message_above_the_limit_is_refused(service_host: ServiceHost) -> None:
    hosted = await service_host.serve("authsvc", METHODS, [echo_mount({SAY: say})])
    identity = service_host.identities["edge"]
    async with open_channel(hosted.target, identity, "authsvc", bounds=MessageBounds(1000, 1000)) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await EchoStub(channel).say(Text(value="x" * 2000))

    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_channel_comes_back_after_its_peer(short_dir: Path) -> None:
    async with echo_process(short_dir, "serve") as echo, echo.channel() as channel:
        await echo.until_health(SERVING)
        await EchoStub(channel).say(Text())
        echo.process.kill()
        async with asyncio.timeout(10):
            await channel.wait_for_state_change(grpc.ChannelConnectivity.READY)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await EchoStub(channel).say(Text())
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
        async with echo.again() as successor:
            await successor.until_health(SERVING)
            async with asyncio.timeout(10):
                await channel.channel_ready()
            assert (await EchoStub(channel).say(Text(value="back"))).value == "back"


def dead_then_alive(dead: str, alive: str, opened: "list[weakref.ref[grpc.aio.Channel]]") -> Any:
    """Opens a channel to where nobody answers, as a stuck one, and then channels to `alive`."""

    def open_next() -> grpc.aio.Channel:
        channel = grpc.aio.insecure_channel(alive if opened else dead, CHANNEL_OPTIONS)
        opened.append(weakref.ref(channel))
        return channel

    return open_next


async def until_served(stub: EchoStub) -> None:
    """Calls until a call comes through."""
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(grpc.aio.AioRpcError):
                await stub.say(Text())
                return


async def test_a_channel_without_a_connection_for_long_is_exchanged(service_host: ServiceHost) -> None:
    hosted = await service_host.serve("authsvc", METHODS, [echo_mount({SAY: say})])
    opened: list[weakref.ref[grpc.aio.Channel]] = []
    outgoing = _Outgoing(service_host.identities["edge"], "authsvc", 10.0)
    async with _Channel(dead_then_alive("unix:/nobody", hosted.target, opened), outgoing, 0.05) as channel:
        stub = EchoStub(channel)
        await until_served(stub)
        again = [(await stub.say(Text(value="served"))).value for _ in range(10)]
        gc.collect()
        left = [reference() is not None for reference in opened]

    assert again == ["served"] * 10
    assert left == [False, True]  # nothing holds the stuck one


async def test_calls_that_wait_on_an_exchanged_channel_go_on_there(service_host: ServiceHost, short_dir: Path) -> None:
    hosted = await service_host.serve("authsvc", METHODS, [echo_mount({SAY: say})])
    opened: list[weakref.ref[grpc.aio.Channel]] = []
    outgoing = _Outgoing(service_host.identities["edge"], "authsvc", 10.0)
    late = f"unix:{short_dir / 'late'}.sock"
    async with _Channel(dead_then_alive(late, hosted.target, opened), outgoing, 0.05) as channel:
        stub: Any = EchoStub(channel)
        waiting = stub.say(Text(value="waited"), wait_for_ready=True)
        await until_served(stub)
        assert len(opened) == 2
        server = grpc.aio.server()
        echo_mount({SAY: say}).add(None, server)
        server.add_insecure_port(late)
        await server.start()
        try:
            async with asyncio.timeout(10):
                assert (await waiting).value == "waited"
        finally:
            await server.stop(None)


async def test_a_channel_with_a_connection_is_kept(service_host: ServiceHost) -> None:
    async def refuse(_request: Text, _context: Context) -> Text:
        raise Fault(reasons.ERROR_REASON_UNAVAILABLE)

    hosted = await service_host.serve("authsvc", METHODS, [echo_mount({SAY: refuse})])
    opened: list[weakref.ref[grpc.aio.Channel]] = []
    outgoing = _Outgoing(service_host.identities["edge"], "authsvc", 10.0)
    async with _Channel(dead_then_alive(hosted.target, hosted.target, opened), outgoing, 0.0) as channel:
        for _ in range(10):
            with pytest.raises(grpc.aio.AioRpcError):
                await EchoStub(channel).say(Text())
    assert len(opened) == 1
