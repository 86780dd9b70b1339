"""The rpcs of leased slots, called over real channels, on a real Redis."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc
import pytest
from penstock.errors.v1 import error_reason_pb2 as reasons
from penstock.ratelimit.v1 import concurrency_service_pb2 as pb
from penstock.ratelimit.v1 import concurrency_service_pb2_grpc as pb_grpc
from prometheus_client import CollectorRegistry

from ratelimitsvc.counters import Slots, script
from ratelimitsvc.lease_servicer import ConcurrencyServicer
from ratelimitsvc.metrics import LimitMetrics
from ratelimitsvc.redis_pipe import RedisPipe
from ratelimitsvc.wiring import NAME, method_table
from svckit.errors import from_rpc_error
from svckit.switchboard import Mount
from tests.support.services import ServiceHost

DEADLINE_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Served:
    """A stub of the edge's, and what is counted."""

    stub: "pb_grpc.ConcurrencyServiceAsyncStub"
    registry: CollectorRegistry


@asynccontextmanager
async def serving(service_host: ServiceHost, url: str, *, connected: bool = True) -> AsyncIterator[Served]:
    pipe = RedisPipe(url, opening=("PING",), silence_seconds=DEADLINE_SECONDS, unit=lambda: 0.0)
    registry = CollectorRegistry()
    slots = Slots(pipe, script(name="lease.lua"))
    servicer = ConcurrencyServicer(slots, LimitMetrics(registry), lambda: secrets.token_bytes(16))
    table = {name: callers for name, callers in method_table().items() if "ConcurrencyService" in name}
    mount = Mount(pb_grpc.add_ConcurrencyServiceServicer_to_server, servicer)
    hosted = await service_host.serve(NAME, table, [mount])
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(pipe.run())
        if connected:
            async with asyncio.timeout(DEADLINE_SECONDS):
                await pipe.connected.wait()
        yield Served(pb_grpc.ConcurrencyServiceStub(await hosted.channel("edge")), registry)
        running.cancel()


def acquiring(*slots: int, lease_millis: int = 60_000) -> pb.AcquireLeaseRequest:
    limits = [pb.ConcurrencyLimit(key=b"%d" % index, slots=each) for index, each in enumerate(slots)]
    return pb.AcquireLeaseRequest(limits=limits, lease_millis=lease_millis)


async def test_slots_are_leased_until_there_are_no_more(service_host: ServiceHost, valkey: str) -> None:
    async with serving(service_host, valkey) as served:
        first = await served.stub.AcquireLease(acquiring(9, 2))
        second = await served.stub.AcquireLease(acquiring(9, 2))
        refused = await served.stub.AcquireLease(acquiring(9, 2))
        assert len({first.lease_id, second.lease_id}) == 2
        assert (first.binding, first.remaining, second.remaining) == (1, 1, 0)
        assert (refused.lease_id, refused.binding) == (b"", 1)
        assert 40_000 < refused.retry_after_millis <= 60_000
        assert served.registry.get_sample_value("ratelimit_leases_total", {"outcome": "granted"}) == 2
        assert served.registry.get_sample_value("ratelimit_leases_total", {"outcome": "refused"}) == 1


async def test_a_lease_is_renewed_and_released(service_host: ServiceHost, valkey: str) -> None:
    async with serving(service_host, valkey) as served:
        lease_id = (await served.stub.AcquireLease(acquiring(1, 1))).lease_id
        renewing = pb.RenewLeaseRequest(lease_id=lease_id, keys=[b"0", b"1"], lease_millis=1_000)
        releasing = pb.ReleaseLeaseRequest(lease_id=lease_id, keys=[b"0", b"1"])
        assert (await served.stub.RenewLease(renewing)).held
        assert (await served.stub.ReleaseLease(releasing)).held
        assert not (await served.stub.RenewLease(renewing)).held
        assert not (await served.stub.ReleaseLease(releasing)).held
        assert (await served.stub.AcquireLease(acquiring(1, 1))).lease_id


async def test_holders_at_the_same_time_never_hold_more_than_there_is(service_host: ServiceHost, valkey: str) -> None:
    async with serving(service_host, valkey) as served:
        answers = await asyncio.gather(*(served.stub.AcquireLease(acquiring(7, 5)) for _ in range(50)))
    assert sum(bool(answer.lease_id) for answer in answers) == 5


async def test_a_malformed_request_is_refused_with_its_fields(service_host: ServiceHost, valkey: str) -> None:
    async with serving(service_host, valkey) as served:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await served.stub.AcquireLease(acquiring(1, 0, lease_millis=0))
        fault = from_rpc_error(refused.value)
        assert fault.reason == reasons.ERROR_REASON_BAD_REQUEST
        assert [each.path for each in fault.fields] == ["limits[1].slots", "lease_millis"]


async def test_redis_out_of_reach_is_limit_unavailable(service_host: ServiceHost) -> None:
    lease_id, keys = b"0123456789abcdef", [b"k"]
    async with serving(service_host, "unix:///nonexistent", connected=False) as served:
        for call in (
            served.stub.AcquireLease(acquiring(1)),
            served.stub.RenewLease(pb.RenewLeaseRequest(lease_id=lease_id, keys=keys, lease_millis=1)),
            served.stub.ReleaseLease(pb.ReleaseLeaseRequest(lease_id=lease_id, keys=keys)),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await call
            assert from_rpc_error(refused.value).reason == reasons.ERROR_REASON_LIMIT_UNAVAILABLE
