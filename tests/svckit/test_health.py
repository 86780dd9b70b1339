"""The standard health and reflection services, open to everybody."""

import asyncio
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from svckit.drain import Drain
from svckit.health import Health
from tests.support.services import Hosted, ServiceHost
from tests.svckit.echo import METHODS, SERVICE, echo_mount

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


async def stub_of(hosted: Hosted) -> Any:
    return health_pb2_grpc.HealthStub(await hosted.channel(None))


def asked(service: str) -> Any:
    return health_pb2.HealthCheckRequest(service=service)


async def test_health_is_not_serving_until_told() -> None:
    health = Health([SERVICE], Drain())
    for service in ("", SERVICE):
        answer = await health.Check(asked(service), None)  # type: ignore[arg-type]
        assert answer.status == NOT_SERVING


async def test_the_whole_and_each_service_go_up_and_down_together(service_host: ServiceHost) -> None:
    hosted = await service_host.serve("authsvc", METHODS, [echo_mount({})])
    stub = await stub_of(hosted)
    for serving, status in ((True, SERVING), (False, NOT_SERVING)):
        hosted.health.set_serving(serving)
        assert [(await stub.Check(asked(service))).status for service in ("", SERVICE)] == [status] * 2
        listed = await stub.List(health_pb2.HealthListRequest())
        assert {name: each.status for name, each in listed.statuses.items()} == {"": status, SERVICE: status}


async def test_a_service_that_is_not_here_is_not_found(service_host: ServiceHost) -> None:
    hosted = await service_host.serve("authsvc", METHODS, [])

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await (await stub_of(hosted)).Check(asked("other.v1.Service"))
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND


async def test_a_watch_tells_changes_and_ends_on_drain(service_host: ServiceHost) -> None:
    hosted = await service_host.serve("authsvc", METHODS, [])
    stub = await stub_of(hosted)
    watch, stranger = stub.Watch(asked("")), stub.Watch(asked("other.v1.Service"))
    assert (await watch.read()).status == SERVING
    assert (await stranger.read()).status == UNKNOWN

    hosted.health.set_serving(False)
    assert (await watch.read()).status == NOT_SERVING
    hosted.drain.start()

    for call in (watch, stranger):
        assert await call.read() == grpc.aio.EOF
        assert await call.code() == grpc.StatusCode.OK


async def test_a_watch_tells_the_last_change_before_the_drain_ends_it(service_host: ServiceHost) -> None:
    hosted = await service_host.serve("authsvc", METHODS, [])
    watch = (await stub_of(hosted)).Watch(asked(""))
    await watch.read()

    hosted.health.set_serving(False)
    hosted.drain.start()

    assert (await watch.read()).status == NOT_SERVING
    assert await watch.read() == grpc.aio.EOF


async def test_reflection_lists_the_services_and_ends_on_drain(service_host: ServiceHost) -> None:
    hosted = await service_host.serve("authsvc", METHODS, [])
    stub = reflection_pb2_grpc.ServerReflectionStub(await hosted.channel(None))
    call = stub.ServerReflectionInfo()
    await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))

    answer = await call.read()
    hosted.drain.start()

    names = {service.name for service in answer.list_services_response.service}
    assert names == {SERVICE, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}
    async with asyncio.timeout(10):
        assert await call.read() == grpc.aio.EOF
    assert await call.code() == grpc.StatusCode.OK
