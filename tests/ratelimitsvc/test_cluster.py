"""Decisions on a real cluster: its slots, slots on their way to another node, nodes that fail."""

import asyncio
import contextlib
import secrets
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from urllib.parse import quote

import grpc
import pytest
from penstock.errors.v1 import error_reason_pb2 as reasons
from penstock.ratelimit.v1 import concurrency_service_pb2 as lease_pb
from penstock.ratelimit.v1 import limit_pb2 as pb
from penstock.ratelimit.v1 import rate_limit_service_pb2 as service_pb
from penstock.ratelimit.v1 import rate_limit_service_pb2_grpc as pb_grpc
from prometheus_client import CollectorRegistry

from ratelimitsvc.batch import Layout, add_decisions, packed
from ratelimitsvc.counters import CountersAway
from ratelimitsvc.decider import Decider
from ratelimitsvc.gate import Gate
from ratelimitsvc.leases import LeaseCall, acquisition, packed_acquire, packed_release
from ratelimitsvc.metrics import LimitMetrics
from ratelimitsvc.slots import slot_of, tagged
from ratelimitsvc.topology import ClusterUrl
from ratelimitsvc.wiring import Store, open_store
from svckit.errors import Fault, from_rpc_error
from tests.ratelimitsvc.conftest import installed
from tests.ratelimitsvc.processes import rate_limit_process
from tests.ratelimitsvc.servers import HOST, Cluster, Node, in_step, run_cluster, until
from tests.support.authority import Authority

DEADLINE_SECONDS = 30
UNITS = 50


@asynccontextmanager
async def deciding(url: str, silence_seconds: float = 5) -> AsyncIterator[Store]:
    store = open_store(url, silence_seconds=silence_seconds, unit=lambda: 0.0)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(store.redis.run())
        async with asyncio.timeout(DEADLINE_SECONDS):
            await store.redis.connected.wait()
        yield store
        running.cancel()


def check(*keys: bytes, cost: int | None = None) -> pb.Check:
    return pb.Check(limits=[pb.Limit(key=key, limit=UNITS, window_millis=3_600_000) for key in keys], cost=cost)


async def remaining(store: Store, *checks: pb.Check) -> list[int | None]:
    """What remains after each check; None for one that was not decided."""
    response = service_pb.CheckBatchResponse()
    add_decisions(await store.counters.decide(packed(checks, Layout())), response)
    left: list[int | None] = [each.remaining for each in response.decisions]
    for place in response.undecided:
        left[place] = None
    return left


async def until_decided(store: Store, *checks: pb.Check) -> list[int | None]:
    """The first answer in which every check was decided."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            with contextlib.suppress(CountersAway):
                answer = await remaining(store, *checks)
                if None not in answer:
                    return answer
            await asyncio.sleep(0.01)


async def refused_for_one(store: Store, alone: pb.Check) -> None:
    """What asks for one answer has no room for what was not decided: it fails, and is counted as failed."""
    registry = CollectorRegistry()
    decider = Decider(store.counters, Layout(), Gate(1, DEADLINE_SECONDS), LimitMetrics(registry))
    for asked in (decider.decide_all([alone]), decider.refund(alone)):
        with pytest.raises(Fault) as refused:
            await asked
        assert refused.value.reason == reasons.ERROR_REASON_LIMIT_UNAVAILABLE
    assert registry.get_sample_value("ratelimit_batch_failures_total", {"reason": "LIMIT_UNAVAILABLE"}) == 2
    with pytest.raises(CountersAway):
        await store.counters.drop([b"w" + alone.limits[0].key])
    with pytest.raises(CountersAway):
        await store.slots.run(LeaseCall([b"c" + alone.limits[0].key], b"", "limits"))


def tag_at(cluster: Cluster, node: Node) -> bytes:
    """A tenant whose counters are on a node, and nobody else's."""
    return next(tag for tag in (b"%d" % n for n in count()) if cluster.holder(slot_of(b"{%b}" % tag)) is node)


async def test_a_batch_of_many_tenants_is_decided_in_order_on_all_nodes(valkey_cluster: str) -> None:
    tenants = [secrets.token_bytes(4).hex().encode() for _ in range(40)]
    batch = [check(tenant + b":own", tenant + b":all") for tenant in tenants]
    async with deciding(valkey_cluster) as store:
        assert await remaining(store, *batch, *batch) == [UNITS - 1] * 40 + [UNITS - 2] * 40


async def test_a_check_over_several_slots_is_refused_and_counts_nowhere(valkey_cluster: str) -> None:
    async with deciding(valkey_cluster) as store:
        with pytest.raises(Fault) as refused:
            await remaining(store, check(b"one:x"), check(b"one:x", b"two:x"))
        assert refused.value.reason == reasons.ERROR_REASON_BAD_REQUEST
        assert [fault.path for fault in refused.value.fields] == ["checks[1].limits"]
        assert await remaining(store, check(b"one:x", cost=0)) == [UNITS]


async def test_counters_of_one_tenant_are_dropped_and_those_of_several_are_refused(valkey_cluster: str) -> None:
    counters = (check(b"drop:x"), check(b"drop:y"), check(b"keep:x"))
    async with deciding(valkey_cluster) as store:
        await remaining(store, *counters)
        await store.counters.drop([b"wdrop:x", b"wdrop:y"])
        with pytest.raises(Fault) as refused:
            await store.counters.drop([b"wdrop:x", b"wkeep:x"])
        assert [fault.path for fault in refused.value.fields] == ["limits"]
        assert await remaining(store, *counters) == [UNITS - 1, UNITS - 1, UNITS - 2]


async def test_slots_are_leased_on_a_cluster_all_or_nothing(valkey_cluster: str) -> None:
    wide, narrow, other = (lease_pb.ConcurrencyLimit(key=key, slots=1) for key in (b"l:wide", b"l:narrow", b"m:x"))
    async with deciding(valkey_cluster) as store:

        async def acquire(*limits: lease_pb.ConcurrencyLimit) -> bool:
            request = lease_pb.AcquireLeaseRequest(limits=limits, lease_millis=60_000)
            lease_id = secrets.token_bytes(16)
            return acquisition(await store.slots.run(packed_acquire(request, lease_id)), lease_id).lease_id == lease_id

        assert await acquire(narrow)
        assert not await acquire(wide, narrow)
        assert await acquire(wide)
        with pytest.raises(Fault) as refused:
            await acquire(wide, other)
        assert [fault.path for fault in refused.value.fields] == ["limits"]
        release = lease_pb.ReleaseLeaseRequest(keys=[wide.key, other.key], lease_id=secrets.token_bytes(16))
        with pytest.raises(Fault) as refused:
            await store.slots.run(packed_release(release))
        assert [fault.path for fault in refused.value.fields] == ["keys"]


async def test_the_process_serves_on_a_cluster(short_dir: Path, valkey_cluster: str) -> None:
    async with rate_limit_process(short_dir, valkey_cluster) as service, service.channel() as channel:
        await service.serving()
        stub: pb_grpc.RateLimitServiceAsyncStub = pb_grpc.RateLimitServiceStub(channel)
        answer = await stub.Check(service_pb.CheckRequest(check=check(b"process:x", b"process:y")))
        assert answer.decision.remaining == UNITS - 1
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.Check(service_pb.CheckRequest(check=check(b"process:x", b"other:y")))
        assert [fault.path for fault in from_rpc_error(refused.value).fields] == ["checks[0].limits"]


async def test_counters_that_move_to_another_node_are_followed_and_none_is_lost(short_dir: Path) -> None:
    async with run_cluster(installed("valkey"), short_dir / secrets.token_hex(4)) as cluster:
        source, target, _ = cluster.primaries
        tag = tag_at(cluster, source)
        old, new, slot = check(tag + b":old"), check(tag + b":new"), slot_of(b"{%b}" % tag)
        ids = {node: (await node.ask("CLUSTER", "MYID")).decode() for node in cluster.primaries}
        async with deciding(cluster.url) as store:
            assert await remaining(store, old) == [UNITS - 1]
            await target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source])
            await source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target])
            # The one is still there; the other is made at the target, which is asked by the leave of the source.
            assert await remaining(store, old) == [UNITS - 2]
            assert await remaining(store, new) == [UNITS - 1]
            # Both at once are in two places: no node can decide that.
            assert await remaining(store, check(tag + b":old", tag + b":new")) == [None]
            name = tagged(b"w" + tag + b":old").decode()
            await source.ask("MIGRATE", HOST, target.port, name, 0, 5_000)
            assert await remaining(store, old, new) == [UNITS - 3, UNITS - 2]
            for node in cluster.primaries:
                await node.ask("CLUSTER", "SETSLOT", slot, "NODE", ids[target])
            assert await remaining(store, old, new) == [UNITS - 4, UNITS - 3]


PASSWORD = "correct horse & battery"
NAMED = {"cluster_announce_hostname": "localhost", "cluster_preferred_endpoint_type": "hostname"}


@pytest.mark.parametrize("server", ["valkey", "redis"])
async def test_a_cluster_may_ask_for_a_password_and_tls_and_know_its_nodes_by_name(
    short_dir: Path, server: str
) -> None:
    folder = short_dir / secrets.token_hex(4)
    options, access = NAMED | {"requirepass": PASSWORD, "masterauth": PASSWORD}, f":{quote(PASSWORD)}"
    encrypted = ClusterUrl("redis", access, (), None)
    if server == "redis":  # the embedded one speaks no TLS
        authority = Authority()
        folder.mkdir(mode=0o700)
        files, trusted = authority.issue(folder, "localhost", HOST), str(authority.written(folder))
        options |= {
            "tls_cert_file": str(files.certificate),
            "tls_key_file": str(files.key),
            "tls_ca_cert_file": trusted,
        }
        options |= {"tls_auth_clients": "no", "tls_cluster": "yes", "tls_replication": "yes"}
        encrypted = ClusterUrl("rediss", access, (), f"ssl_ca_certs={quote(trusted)}")
    async with run_cluster(installed(server), folder, options=options, access=encrypted) as cluster:
        source, target, _ = cluster.primaries
        tenants = [tag_at(cluster, node) + b":x" for node in cluster.primaries]
        slot, new_owner = slot_of(tagged(b"w" + tenants[0])), (await target.ask("CLUSTER", "MYID")).decode()
        async with deciding(cluster.url) as store:
            assert await until_decided(store, *map(check, tenants)) == [UNITS - 1] * 3
            await source.ask("FLUSHALL")
            for node in cluster.primaries:
                await node.ask("CLUSTER", "SETSLOT", slot, "NODE", new_owner)
            assert await remaining(store, *map(check, tenants)) == [UNITS - 1, UNITS - 2, UNITS - 2]


async def test_a_failed_node_leaves_its_own_slots_undecided_until_its_replica_is_promoted(short_dir: Path) -> None:
    async with run_cluster(installed("valkey"), short_dir / secrets.token_hex(4), replicas=1) as cluster:
        failing, healthy, _ = cluster.primaries
        (replica,) = cluster.replicas
        lost, kept = (check(tag_at(cluster, node) + b":x") for node in (failing, healthy))
        async with deciding(cluster.url, silence_seconds=0.25) as store:
            assert await until_decided(store, lost, kept) == [UNITS - 1, UNITS - 1]
            await until(lambda: in_step(failing, replica))
            failing.process.send_signal(signal.SIGSTOP)
            assert await remaining(store, lost, kept) == [None, UNITS - 2]
            await failing.kill()
            assert await remaining(store, kept, lost) == [UNITS - 3, None]
            await refused_for_one(store, lost)
            await replica.ask("CLUSTER", "FAILOVER", "TAKEOVER")
            assert await until_decided(store, lost) == [UNITS - 2]
            assert await remaining(store, kept, lost) == [UNITS - 4, UNITS - 3]
            for node in (*cluster.primaries, *cluster.replicas):
                await node.kill()
            with pytest.raises(CountersAway):
                await remaining(store, lost, kept)
