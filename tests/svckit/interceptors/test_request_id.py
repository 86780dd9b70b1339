"""One id per request, through every hop."""

from typing import Any
from uuid import UUID

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue as Text

from svckit.call_context import request_id
from svckit.interceptors.shape import Context
from tests.support.services import ServiceHost
from tests.svckit.echo import METHODS, SAY, EchoStub, echo_mount


async def which_id(_request: Text, _context: Context) -> Text:
    return Text(value=request_id())


async def called_with(host: ServiceHost, *metadata: tuple[str, str]) -> tuple[str, str]:
    """The id that the handler saw, and the one that was echoed."""
    hosted = await host.serve("authsvc", METHODS, [echo_mount({SAY: which_id})])
    call = EchoStub(await hosted.channel("edge")).say(Text(), metadata=metadata)
    answer = await call
    trailing = dict(await call.trailing_metadata())  # type: ignore[attr-defined]
    return answer.value, trailing["x-request-id"]


async def test_a_well_formed_id_is_kept_and_echoed(service_host: ServiceHost) -> None:
    assert await called_with(service_host, ("x-request-id", "abc-1.2_X")) == ("abc-1.2_X", "abc-1.2_X")


@pytest.mark.parametrize("sent", ["", "has space", "a,b", "x" * 129, "a;b"])
async def test_an_id_that_is_not_well_formed_is_replaced(service_host: ServiceHost, sent: str) -> None:
    seen, echoed = await called_with(service_host, ("x-request-id", sent))

    assert seen == echoed
    assert UUID(seen).version == 7


async def test_a_refusal_carries_the_id_too(service_host: ServiceHost) -> None:
    hosted = await service_host.serve("authsvc", METHODS, [echo_mount({SAY: which_id})])
    call: Any = EchoStub(await hosted.channel("admin")).say(Text(), metadata=(("x-request-id", "r-1"),))

    assert await call.code() == grpc.StatusCode.PERMISSION_DENIED
    assert dict(await call.trailing_metadata())["x-request-id"] == "r-1"


async def test_an_id_is_made_when_there_is_none_and_goes_on_to_the_next_service(
    service_host: ServiceHost,
) -> None:
    behind = await service_host.serve("configsvc", METHODS, [echo_mount({SAY: which_id})])
    onward = EchoStub(await behind.channel("edge"))

    async def ask_behind(request: Text, _context: Context) -> Text:
        assert (await onward.say(request)).value == request_id()
        return Text(value=request_id())

    hosted = await service_host.serve("authsvc", METHODS, [echo_mount({SAY: ask_behind})])
    answer = await EchoStub(await hosted.channel("edge")).say(Text())

    assert UUID(answer.value).version == 7
