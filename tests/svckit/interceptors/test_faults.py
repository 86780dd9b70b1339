"""Whatever a handler raises, the caller learns a reason of the catalogue and nothing more."""

import contextlib
from typing import Any

import asyncpg
import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue as Text
from penstock.errors.v1 import error_reason_pb2 as reasons

from svckit.errors import Fault, FieldFault, from_rpc_error
from svckit.postgres import AWAY
from tests.support.services import ServiceHost
from tests.svckit.echo import CHAT, COLLECT, METHODS, SAY, WATCH, EchoStub, echo_mount

SECRET = "password=hunter2 at 10.0.0.7"


class StoreGone(Exception):
    """A store's own exception, as a service would name it in `away`."""


async def refused_say(host: ServiceHost, error: Exception) -> grpc.aio.AioRpcError:
    async def say(_request: Text, _context: Any) -> Text:
        raise error

    hosted = await host.serve("authsvc", METHODS, [echo_mount({SAY: say})], away=(StoreGone,))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await EchoStub(await hosted.channel("edge")).say(Text())
    return caught.value


async def test_a_fault_arrives_whole(service_host: ServiceHost) -> None:
    error = await refused_say(
        service_host,
        Fault(
            reasons.ERROR_REASON_VERSION_CONFLICT,
            "Version 8 is newer.",
            fields=(FieldFault("version", "is 7"),),
            metadata={"newest": "8"},
        ),
    )

    assert (error.code(), error.details()) == (grpc.StatusCode.ABORTED, "Version 8 is newer.")
    fault = from_rpc_error(error)
    assert (fault.reason, fault.fields) == (
        reasons.ERROR_REASON_VERSION_CONFLICT,
        (FieldFault("version", "is 7"),),
    )
    assert fault.metadata == {"newest": "8"}


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        pytest.param(ValueError(SECRET), reasons.ERROR_REASON_INTERNAL, id="bug"),
        pytest.param(NotImplementedError(SECRET), reasons.ERROR_REASON_INTERNAL, id="gap"),
        pytest.param(ConnectionRefusedError(SECRET), reasons.ERROR_REASON_UNAVAILABLE, id="refused"),
        pytest.param(TimeoutError(SECRET), reasons.ERROR_REASON_UNAVAILABLE, id="late store"),
        pytest.param(
            asyncpg.ConnectionDoesNotExistError(SECRET), reasons.ERROR_REASON_UNAVAILABLE, id="PostgreSQL gone"
        ),
        *(
            pytest.param(error(SECRET), reasons.ERROR_REASON_UNAVAILABLE, id=error.__name__)
            for error in (*AWAY, asyncpg.InterfaceError)
        ),
        pytest.param(asyncpg.UniqueViolationError(SECRET), reasons.ERROR_REASON_INTERNAL, id="constraint"),
        pytest.param(StoreGone(SECRET), reasons.ERROR_REASON_UNAVAILABLE, id="named by the service"),
    ],
)
async def test_no_text_of_an_exception_leaves(service_host: ServiceHost, error: Exception, reason: int) -> None:
    received = await refused_say(service_host, error)

    assert from_rpc_error(received).reason == reason
    sent = f"{received!r} {received.details()} {received.trailing_metadata()}"
    assert "hunter2" not in sent
    assert type(error).__name__ not in sent


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (grpc.StatusCode.UNAVAILABLE, reasons.ERROR_REASON_UNAVAILABLE),
        (grpc.StatusCode.DEADLINE_EXCEEDED, reasons.ERROR_REASON_DEADLINE_EXCEEDED),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, reasons.ERROR_REASON_OVERLOADED),
        (grpc.StatusCode.PERMISSION_DENIED, reasons.ERROR_REASON_INTERNAL),
    ],
    ids=lambda value: value.name if isinstance(value, grpc.StatusCode) else None,
)
async def test_of_a_peers_failure_only_an_outage_is_passed_on(
    service_host: ServiceHost, code: grpc.StatusCode, reason: int
) -> None:
    peers = grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), SECRET)

    received = await refused_say(service_host, peers)

    assert from_rpc_error(received).reason == reason
    assert "hunter2" not in str(received.details())


async def test_an_abort_of_the_handler_is_not_swallowed(service_host: ServiceHost) -> None:
    async def say(_request: Text, context: Any) -> Text:
        await context.abort(grpc.StatusCode.DATA_LOSS, "as the handler said")
        raise AssertionError("abort returns to nobody")

    hosted = await service_host.serve("authsvc", METHODS, [echo_mount({SAY: say})])
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await EchoStub(await hosted.channel("edge")).say(Text())

    assert (caught.value.code(), caught.value.details()) == (
        grpc.StatusCode.DATA_LOSS,
        "as the handler said",
    )


async def test_streams_of_every_kind_end_with_the_reason(service_host: ServiceHost) -> None:
    async def watch(_request: Text, _context: Any) -> Any:
        yield Text(value="first")
        raise ValueError(SECRET)

    async def collect(requests: Any, _context: Any) -> Text:
        async for _ in requests:
            raise ValueError(SECRET)
        return Text()

    async def chat(requests: Any, _context: Any) -> Any:
        async for request in requests:
            yield request
            raise Fault(reasons.ERROR_REASON_NOT_FOUND)

    behaviours = {WATCH: watch, COLLECT: collect, CHAT: chat}
    hosted = await service_host.serve("authsvc", METHODS, [echo_mount(behaviours)])
    stub = EchoStub(await hosted.channel("edge"))

    async def ended(call: Any) -> tuple[list[str], grpc.StatusCode]:
        seen: list[str] = []
        with contextlib.suppress(grpc.aio.AioRpcError):
            async for answer in call:
                seen.append(answer.value)
        assert "hunter2" not in await call.details()
        return seen, await call.code()

    assert await ended(stub.watch(Text())) == (["first"], grpc.StatusCode.INTERNAL)
    assert await ended(stub.chat(iter([Text(value="a")]))) == (["a"], grpc.StatusCode.NOT_FOUND)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.collect(iter([Text()]))
    assert caught.value.code() == grpc.StatusCode.INTERNAL


async def test_the_trace_stands_in_the_log(service_host: ServiceHost, capsys: pytest.CaptureFixture[str]) -> None:
    await refused_say(service_host, ValueError(SECRET))

    assert "hunter2" in capsys.readouterr().out
