"""A call's deadline is known, shared with the calls that it makes, and refused once it has passed."""

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue as Text

from svckit.call_context import DEADLINE, remaining_seconds
from svckit.errors import Fault
from svckit.interceptors.deadline import bounded_seconds, with_deadline
from svckit.interceptors.shape import Context, Rpc
from tests.support.services import ServiceHost
from tests.svckit.echo import METHODS, SAY, WATCH, EchoStub, echo_mount


@pytest.mark.parametrize(
    ("told", "bounded"),
    [
        pytest.param(None, None, id="none"),
        # What grpc.aio says of a call without a deadline: INT64_MAX nanoseconds from the epoch.
        pytest.param(9223372036.854775 - 1_800_000_000, None, id="huge but finite"),
        pytest.param(2.5, 2.5, id="some"),
        pytest.param(-0.1, -0.1, id="past"),
    ],
)
def test_a_deadline_is_told_from_none(told: float | None, bounded: float | None) -> None:
    assert bounded_seconds(told) == bounded


async def how_long(_request: Text, _context: Context) -> Text:
    return Text(value=str(remaining_seconds()))


async def test_a_call_knows_how_long_it_has(service_host: ServiceHost) -> None:
    hosted = await service_host.serve("authsvc", METHODS, [echo_mount({SAY: how_long})])

    answer = await EchoStub(await hosted.channel("edge")).say(Text(), timeout=7)

    assert 0 < float(answer.value) < 7.1


async def test_a_stream_without_a_deadline_has_none(service_host: ServiceHost) -> None:
    async def watch(_request: Text, context: Context) -> object:
        yield Text(value=str(remaining_seconds()))

    hosted = await service_host.serve("authsvc", METHODS, [echo_mount({WATCH: watch})])
    call = EchoStub(await hosted.channel("edge")).watch(Text())

    assert [answer.value async for answer in call] == ["None"]


async def test_a_call_made_on_the_way_shares_the_deadline(service_host: ServiceHost) -> None:
    behind = await service_host.serve("configsvc", METHODS, [echo_mount({SAY: how_long})])
    onward = EchoStub(await behind.channel("edge"))

    async def ask_behind(request: Text, _context: Context) -> Text:
        return await onward.say(request, timeout=9)

    hosted = await service_host.serve("authsvc", METHODS, [echo_mount({SAY: ask_behind})])
    answer = await EchoStub(await hosted.channel("edge")).say(Text(), timeout=3)

    # On the wire a timeout is rounded up, by less than a hundredth on each of the two ways.
    assert 0 < float(answer.value) < 3.1


async def test_expired_work_is_refused_before_it_begins() -> None:
    class Expired:
        def time_remaining(self) -> float:
            return 0.0

    async def handler(_request: object, _context: object) -> None:
        raise AssertionError("expired work was begun")

    context: Context = Expired()  # type: ignore[assignment]
    with pytest.raises(Fault) as caught:
        await with_deadline(Rpc(SAY), handler)(None, context)
    assert caught.value.spec.grpc_status is grpc.StatusCode.DEADLINE_EXCEEDED
    assert DEADLINE.get() is None
