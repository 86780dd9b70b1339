"""Handlers may come after the server; none comes that the method table does not name."""

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue as Text
from penstock.errors.v1 import error_reason_pb2 as reasons

from svckit.errors import from_rpc_error
from svckit.switchboard import Switchboard
from tests.support.services import ServiceHost
from tests.svckit.echo import CHAT, COLLECT, METHODS, SAY, WATCH, EchoStub, echo_mount, say


async def test_a_method_that_is_not_mounted_yet_is_unavailable_whatever_its_kind(
    service_host: ServiceHost,
) -> None:
    hosted = await service_host.serve("authsvc", METHODS, [])
    stub = EchoStub(await hosted.channel("edge"))

    for call in (stub.say(Text()), stub.collect(iter([Text()]))):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        assert from_rpc_error(caught.value).reason == reasons.ERROR_REASON_UNAVAILABLE
    for stream in (stub.watch(Text()), stub.chat(iter([Text()]))):
        assert await stream.code() == grpc.StatusCode.UNAVAILABLE


async def test_a_stranger_is_refused_before_the_handlers_are_there(service_host: ServiceHost) -> None:
    hosted = await service_host.serve("authsvc", METHODS, [])

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await EchoStub(await hosted.channel("admin")).say(Text())
    assert caught.value.code() == grpc.StatusCode.PERMISSION_DENIED


async def test_a_method_that_nobody_knows_is_unimplemented(service_host: ServiceHost) -> None:
    hosted = await service_host.serve("authsvc", {SAY: METHODS[SAY]}, [echo_mount({SAY: say})])
    call = EchoStub(await hosted.channel("edge")).watch(Text())

    assert await call.code() == grpc.StatusCode.UNIMPLEMENTED


def test_a_mounted_method_that_the_table_lacks_is_a_fault_and_nothing_is_mounted() -> None:
    switchboard = Switchboard({SAY: METHODS[SAY]}, ())
    starting = dict(switchboard._handlers)

    with pytest.raises(LookupError, match=f"open to nobody: {CHAT}, {COLLECT}"):
        switchboard.mount([echo_mount({SAY: say, CHAT: say, COLLECT: say})])
    assert switchboard._handlers == starting


def test_the_whole_table_answers_from_the_first_moment() -> None:
    assert Switchboard(METHODS, ())._handlers.keys() == {SAY, WATCH, COLLECT, CHAT}
