"""Each call leaves one count, one duration and one log line, under the code that the caller saw."""

import asyncio
from typing import Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue as Text
from penstock.errors.v1 import error_reason_pb2 as reasons
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from svckit.errors import Fault
from svckit.interceptors.observe import observing
from svckit.interceptors.shape import Context, Rpc
from svckit.metrics import RpcMetrics
from tests.support.services import ServiceHost
from tests.svckit.echo import METHODS, SAY, WATCH, EchoStub, echo_mount, say


def count(registry: CollectorRegistry, method: str, code: str) -> float | None:
    return registry.get_sample_value("grpc_server_handled_total", {"method": method, "code": code})


async def test_a_call_that_succeeds_counts_as_ok(service_host: ServiceHost) -> None:
    hosted = await service_host.serve("authsvc", METHODS, [echo_mount({SAY: say})])
    with capture_logs() as lines:
        await EchoStub(await hosted.channel("edge")).say(Text())

    assert count(hosted.registry, SAY, "OK") == 1
    assert hosted.registry.get_sample_value("grpc_server_handling_seconds_count", {"method": SAY}) == 1
    told = [(line["event"], line["method"], line["code"], line["caller"]) for line in lines]
    assert told == [("rpc", SAY, "OK", "edge")]


async def test_a_refusal_counts_under_its_translated_code(service_host: ServiceHost) -> None:
    async def missing(_request: Text, _context: Any) -> Text:
        raise Fault(reasons.ERROR_REASON_NOT_FOUND)

    hosted = await service_host.serve("authsvc", METHODS, [echo_mount({SAY: missing})])
    for caller in ("edge", "admin"):
        with pytest.raises(grpc.aio.AioRpcError):
            await EchoStub(await hosted.channel(caller)).say(Text())

    assert count(hosted.registry, SAY, "NOT_FOUND") == 1
    assert count(hosted.registry, SAY, "PERMISSION_DENIED") == 1


async def test_a_stream_whose_client_left_counts_as_cancelled() -> None:
    registry = CollectorRegistry()

    async def left(_request: object, _context: Context) -> None:
        raise asyncio.CancelledError

    context: Context = None  # type: ignore[assignment]
    with pytest.raises(asyncio.CancelledError):
        await observing(RpcMetrics(registry))(Rpc(WATCH, streaming=True), left)(None, context)

    assert count(registry, WATCH, "CANCELLED") == 1


async def test_a_stream_counts_once_however_many_messages_it_has(service_host: ServiceHost) -> None:
    async def watch(request: Text, _context: Context) -> Any:
        for _ in range(10):
            yield request

    hosted = await service_host.serve("authsvc", METHODS, [echo_mount({WATCH: watch})])
    call = EchoStub(await hosted.channel("edge")).watch(Text())

    assert len([answer async for answer in call]) == 10
    assert count(hosted.registry, WATCH, "OK") == 1
