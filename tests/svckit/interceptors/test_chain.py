"""The order of the interceptors: what is refused by one of them has passed those outside it."""

import asyncio
from typing import Any

import grpc
from google.protobuf.wrappers_pb2 import StringValue as Text
from penstock.errors.v1 import error_reason_pb2 as reasons

from svckit.errors import from_rpc_error
from svckit.interceptors.shape import Context
from tests.support.services import ServiceHost
from tests.svckit.echo import METHODS, SAY, EchoStub, echo_mount, say


async def refusal(call: Any) -> grpc.aio.AioRpcError:
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error
    raise AssertionError("it was served")


async def test_a_refusal_of_the_guard_is_named_counted_and_a_status_of_the_catalogue(
    service_host: ServiceHost,
) -> None:
    hosted = await service_host.serve("authsvc", METHODS, [echo_mount({SAY: say})])
    stub = EchoStub(await hosted.channel("admin"))

    refused = await refusal(stub.say(Text(), metadata=(("x-request-id", "r-1"),)))

    assert from_rpc_error(refused).reason == reasons.ERROR_REASON_CALLER_FORBIDDEN
    assert dict(refused.trailing_metadata())["x-request-id"] == "r-1"
    counted = [
        sample.value
        for metric in hosted.registry.collect()
        for sample in metric.samples
        if sample.name.endswith("_total") and sample.labels.get("code") == "PERMISSION_DENIED"
    ]
    assert counted == [1.0]


async def test_a_full_process_refuses_before_it_asks_who_calls(service_host: ServiceHost) -> None:
    inside, go = asyncio.Event(), asyncio.Event()

    async def hold(request: Text, _context: Context) -> Text:
        inside.set()
        await go.wait()
        return request

    hosted = await service_host.serve("authsvc", METHODS, [echo_mount({SAY: hold})], max_calls=1)
    held: Any = EchoStub(await hosted.channel("edge")).say(Text())
    async with asyncio.timeout(10):
        await inside.wait()
        refused = await refusal(EchoStub(await hosted.channel("admin")).say(Text()))
        go.set()
        await held

    assert from_rpc_error(refused).reason == reasons.ERROR_REASON_OVERLOADED
