"""The rpcs, called over real channels, on a real Redis."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import grpc
import pytest
import redis
from penstock.errors.v1 import error_reason_pb2 as reasons
from penstock.ratelimit.v1 import limit_pb2 as pb
from penstock.ratelimit.v1 import rate_limit_service_pb2 as service_pb
from penstock.ratelimit.v1 import rate_limit_service_pb2_grpc as pb_grpc
from prometheus_client import CollectorRegistry

from ratelimitsvc.batch import Layout
from ratelimitsvc.counters import Counters, script
from ratelimitsvc.decider import Decider
from ratelimitsvc.gate import Gate
from ratelimitsvc.metrics import LimitMetrics
from ratelimitsvc.redis_pipe import RedisPipe
from ratelimitsvc.servicer import RateLimitServicer, add_to_server
from ratelimitsvc.wiring import NAME, method_table
from svckit.channels import open_stream
from svckit.drain import Drain
from svckit.errors import from_rpc_error
from svckit.switchboard import Mount
from tests.support.services import Hosted, ServiceHost

DEADLINE_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Served:
    """The service and a stub of the edge's."""

    hosted: Hosted
    stub: "pb_grpc.RateLimitServiceAsyncStub"
    registry: CollectorRegistry
    pipe: RedisPipe


@asynccontextmanager
async def serving(
    service_host: ServiceHost,
    url: str,
    *,
    connected: bool = True,
    width: int = 32,
    queue_seconds: float = DEADLINE_SECONDS,
) -> AsyncIterator[Served]:
    text = script()
    pipe = RedisPipe(url, opening=("SCRIPT", "LOAD", text), silence_seconds=DEADLINE_SECONDS, unit=lambda: 0.0)
    drain, registry = Drain(), CollectorRegistry()
    gate = Gate(width, queue_seconds)
    metrics = LimitMetrics(registry)
    layout = Layout()
    servicer = RateLimitServicer(Decider(Counters(pipe, text), layout, gate, metrics), metrics, drain)
    mount = Mount(partial(add_to_server, layout=layout), servicer)
    table = {name: callers for name, callers in method_table(["team-a"]).items() if "RateLimitService" in name}
    hosted = await service_host.serve(NAME, table, [mount], drain=drain)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(pipe.run())
        if connected:
            async with asyncio.timeout(DEADLINE_SECONDS):
                await pipe.connected.wait()
        yield Served(hosted, pb_grpc.RateLimitServiceStub(await hosted.channel("edge")), registry, pipe)
        running.cancel()


def check(key: bytes = b"k", units: int = 2, cost: int | None = None) -> pb.Check:
    return pb.Check(limits=[pb.Limit(key=key, limit=units, window_millis=60_000)], cost=cost)


async def test_one_request_is_decided(service_host: ServiceHost, valkey: str) -> None:
    async with serving(service_host, valkey) as served:
        answer = await served.stub.Check(service_pb.CheckRequest(check=check()))
        assert answer.decision == pb.Decision(allowed=True, remaining=1, reset_millis=60_000)


async def test_a_batch_is_decided_in_order(service_host: ServiceHost, valkey: str) -> None:
    async with serving(service_host, valkey) as served:
        answer = await served.stub.CheckBatch(service_pb.CheckBatchRequest(checks=[check()] * 3))
        assert [each.allowed for each in answer.decisions] == [True, True, False]
        assert answer.decisions[2].retry_after_millis == 60_000


async def test_a_shadow_limit_refuses_nothing_and_tells_what_it_would_have(
    service_host: ServiceHost, valkey: str
) -> None:
    tried = pb.Limit(key=b"tried", limit=1, window_millis=60_000, shadow=True)
    both = pb.Check(limits=[pb.Limit(key=b"k", limit=2, window_millis=60_000), tried])
    async with serving(service_host, valkey) as served:
        answer = await served.stub.CheckBatch(service_pb.CheckBatchRequest(checks=[both] * 3))
    assert [(each.allowed, list(each.shadow_refused)) for each in answer.decisions] == [
        (True, []),
        (True, [1]),
        (False, [1]),
    ]


async def test_a_refund_gives_the_units_back_and_says_where_the_limits_stand(
    service_host: ServiceHost, valkey: str
) -> None:
    async with serving(service_host, valkey) as served:
        await served.stub.Check(service_pb.CheckRequest(check=check(cost=2)))
        answer = await served.stub.Refund(service_pb.RefundRequest(check=check()))
        assert (answer.decision.allowed, answer.decision.remaining) == (True, 1)
        answer = await served.stub.Refund(service_pb.RefundRequest(check=check(cost=2)))
        assert answer.decision == pb.Decision(allowed=True, remaining=2)
        assert served.registry.get_sample_value("ratelimit_decisions_total", {"outcome": "admitted"}) == 1


async def test_a_reset_drops_the_counters_it_names_and_no_other(service_host: ServiceHost, valkey: str) -> None:
    async with serving(service_host, valkey) as served:
        both = service_pb.CheckBatchRequest(checks=[check(b"a"), check(b"b")])
        await served.stub.CheckBatch(both)
        stub = pb_grpc.RateLimitServiceStub(await served.hosted.channel("admin"))
        await stub.Reset(service_pb.ResetRequest(limits=check(b"a").limits))
        answer = await served.stub.CheckBatch(both)
        assert [each.remaining for each in answer.decisions] == [1, 0]


async def test_a_reset_without_limits_is_refused(service_host: ServiceHost, valkey: str) -> None:
    async with serving(service_host, valkey) as served:
        stub = pb_grpc.RateLimitServiceStub(await served.hosted.channel("admin"))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.Reset(service_pb.ResetRequest())
        assert [each.path for each in from_rpc_error(refused.value).fields] == ["limits"]
        reasons_counted = {"reason": "BAD_REQUEST"}
        assert served.registry.get_sample_value("ratelimit_batch_failures_total", reasons_counted) == 1


async def test_redis_out_of_reach_fails_refunds_and_resets(service_host: ServiceHost) -> None:
    async with serving(service_host, "unix:///nonexistent", connected=False) as served:
        stub = pb_grpc.RateLimitServiceStub(await served.hosted.channel("admin"))
        for call in (
            stub.Refund(service_pb.RefundRequest(check=check())),
            stub.Reset(service_pb.ResetRequest(limits=check().limits)),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await call
            assert from_rpc_error(refused.value).reason == reasons.ERROR_REASON_LIMIT_UNAVAILABLE


async def test_a_malformed_check_is_refused_with_its_fields(service_host: ServiceHost, valkey: str) -> None:
    async with serving(service_host, valkey) as served:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await served.stub.Check(service_pb.CheckRequest(check=check(b"")))
        fault = from_rpc_error(refused.value)
        assert fault.reason == reasons.ERROR_REASON_BAD_REQUEST
        assert [each.path for each in fault.fields] == ["checks[0].limits[0].key"]


async def test_redis_out_of_reach_is_limit_unavailable(service_host: ServiceHost) -> None:
    async with serving(service_host, "unix:///nonexistent", connected=False) as served:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await served.stub.Check(service_pb.CheckRequest(check=check()))
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        assert from_rpc_error(refused.value).reason == reasons.ERROR_REASON_LIMIT_UNAVAILABLE


async def test_a_stream_answers_each_batch_and_goes_on_after_a_failed_one(
    service_host: ServiceHost, valkey: str
) -> None:
    async with serving(service_host, valkey) as served, open_stream(served.stub.StreamChecks()) as call:
        await call.write(service_pb.StreamChecksRequest(batch_id=7, checks=[check(b"")]))
        failed = await call.read()
        await call.write(service_pb.StreamChecksRequest(batch_id=8, checks=[check(), check()]))
        decided = await call.read()
    assert isinstance(failed, service_pb.StreamChecksResponse)
    assert isinstance(decided, service_pb.StreamChecksResponse)
    assert (failed.batch_id, failed.failure.reason, list(failed.decisions)) == (7, "BAD_REQUEST", [])
    assert "checks[0].limits[0].key" in failed.failure.detail
    assert (decided.batch_id, decided.HasField("failure")) == (8, False)
    assert [each.remaining for each in decided.decisions] == [1, 0]
    assert served.registry.get_sample_value("ratelimit_decisions_total", {"outcome": "admitted"}) == 2
    assert served.registry.get_sample_value("ratelimit_batch_failures_total", {"reason": "BAD_REQUEST"}) == 1


async def test_redis_out_of_reach_fails_the_batch_not_the_stream(service_host: ServiceHost) -> None:
    async with (
        serving(service_host, "unix:///nonexistent", connected=False) as served,
        open_stream(served.stub.StreamChecks()) as call,
    ):
        for batch_id in (1, 2):
            await call.write(service_pb.StreamChecksRequest(batch_id=batch_id, checks=[check()]))
            answer = await call.read()
            assert isinstance(answer, service_pb.StreamChecksResponse)
            assert (answer.batch_id, answer.failure.reason) == (batch_id, "LIMIT_UNAVAILABLE")


async def test_many_batches_in_flight_are_all_answered(service_host: ServiceHost, valkey: str) -> None:
    async with serving(service_host, valkey) as served, open_stream(served.stub.StreamChecks()) as call:
        for batch_id in range(1, 65):
            await call.write(service_pb.StreamChecksRequest(batch_id=batch_id, checks=[check(units=1_000)] * 4))
        answers = [await call.read() for _ in range(64)]
    decided = [each for each in answers if isinstance(each, service_pb.StreamChecksResponse)]
    assert sorted(each.batch_id for each in decided) == list(range(1, 65))
    remaining = sorted(decision.remaining for each in decided for decision in each.decisions)
    assert remaining == list(range(1_000 - 256, 1_000))


async def test_a_batch_whose_turn_does_not_come_in_time_is_shed_and_not_counted(
    service_host: ServiceHost, valkey: str, client: redis.Redis
) -> None:
    async with (
        serving(service_host, valkey, width=1) as served,
        open_stream(served.stub.StreamChecks()) as call,
        asyncio.TaskGroup() as tasks,
    ):
        # The batch behind it is at Redis and waits there.
        blocking = tasks.create_task(served.pipe.call("BLPOP", "nothing", 0))
        await call.write(service_pb.StreamChecksRequest(batch_id=1, checks=[check()]))
        await call.write(service_pb.StreamChecksRequest(batch_id=2, checks=[check(), check()], budget_millis=1))
        shed = await call.read()
        assert isinstance(shed, service_pb.StreamChecksResponse)
        assert (shed.batch_id, shed.failure.reason, list(shed.decisions)) == (2, "OVERLOADED", [])
        client.rpush("nothing", "go on")
        await blocking
        decided = await call.read()
        assert isinstance(decided, service_pb.StreamChecksResponse)
        assert (decided.batch_id, decided.decisions[0].remaining) == (1, 1)
        await call.write(service_pb.StreamChecksRequest(batch_id=3, checks=[check(cost=0)]))
        after = await call.read()
        assert isinstance(after, service_pb.StreamChecksResponse)
        assert after.decisions[0].remaining == 1
        assert served.registry.get_sample_value("ratelimit_shed_checks_total") == 2
        assert served.registry.get_sample_value("ratelimit_batch_failures_total", {"reason": "OVERLOADED"}) == 1


async def test_a_unary_check_does_not_wait_longer_than_the_bound(
    service_host: ServiceHost, valkey: str, client: redis.Redis
) -> None:
    async with serving(service_host, valkey, width=1, queue_seconds=0.2) as served, asyncio.TaskGroup() as tasks:
        blocking = tasks.create_task(served.pipe.call("BLPOP", "nothing", 0))
        both = [tasks.create_task(_outcome(served.stub.Check(service_pb.CheckRequest(check=check())))) for _ in "12"]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        client.rpush("nothing", "go on")
        await blocking
        outcomes = [await each for each in both]
    assert set(outcomes) == {None, reasons.ERROR_REASON_OVERLOADED}


async def test_a_stream_ends_itself_when_the_drain_starts(service_host: ServiceHost, valkey: str) -> None:
    async with serving(service_host, valkey) as served, open_stream(served.stub.StreamChecks()) as call:
        await call.write(service_pb.StreamChecksRequest(batch_id=1, checks=[check()]))
        await call.read()
        served.hosted.drain.start()
        async with asyncio.timeout(DEADLINE_SECONDS):
            assert await call.read() is grpc.aio.EOF
        assert await call.code() is grpc.StatusCode.OK


async def test_a_script_that_redis_lost_is_loaded_again(
    service_host: ServiceHost, valkey: str, client: redis.Redis
) -> None:
    async with serving(service_host, valkey) as served:
        client.script_flush()
        for remaining in (1, 0):
            answer = await served.stub.Check(service_pb.CheckRequest(check=check()))
            assert answer.decision.remaining == remaining


@pytest.mark.parametrize("caller", ["edge", "admin", "ctl"])
async def test_our_own_callers_may_ask(service_host: ServiceHost, valkey: str, caller: str) -> None:
    async with serving(service_host, valkey) as served:
        stub = pb_grpc.RateLimitServiceStub(await served.hosted.channel(caller))
        await stub.Check(service_pb.CheckRequest(check=check()))


@pytest.mark.parametrize("caller", ["telemetrysvc", None])
async def test_others_may_not(service_host: ServiceHost, valkey: str, caller: str | None) -> None:
    async with serving(service_host, valkey) as served:
        stub = pb_grpc.RateLimitServiceStub(await served.hosted.channel(caller))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.Check(service_pb.CheckRequest(check=check()))
        assert refused.value.code() in {grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED}


async def test_only_those_who_govern_may_reset(service_host: ServiceHost, valkey: str) -> None:
    async with serving(service_host, valkey) as served:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await served.stub.Reset(service_pb.ResetRequest(limits=check().limits))
        assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


def test_teams_that_are_named_may_ask_and_not_reset() -> None:
    table = method_table(["team-a"])
    assert {name.rpartition("/")[2] for name, callers in table.items() if "team-a" not in callers} == {"Reset"}


async def _outcome(call: Awaitable[object]) -> int | None:
    """The reason of a call's failure."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return from_rpc_error(error).reason
    return None
