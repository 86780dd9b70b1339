"""The watch of invalidations and the leases that go with it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import asyncpg
import grpc
import pytest
from penstock.auth.v1 import auth_service_pb2 as pb
from penstock.auth.v1.api_key_service_pb2 import RevokeApiKeyRequest, RevokeApiKeyResponse
from penstock.auth.v1.invalidation_pb2 import INVALIDATION_SCOPE_API_KEY, INVALIDATION_SCOPE_TENANT, Instance
from penstock.auth.v1.provisioning_service_pb2 import PurgeTenantRequest

from svckit.channels import open_stream
from svckit.errors import from_rpc_error
from tests.authsvc.replica import Cluster, Replica, Tenant

DEADLINE_SECONDS = 20.0


def instance(gateway: str = "gw", slot: int = 0) -> Instance:
    return Instance(gateway_id=gateway, slot=slot, boot_id=str(uuid4()))


class Watcher:
    """An open watch."""

    def __init__(self, call: Any) -> None:
        self._call = call

    async def next(self) -> tuple[str, Any]:
        """The next message: what it is, and that."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            message = await self._call.read()
        if message is grpc.aio.EOF:
            return "end", await self._call.code()
        kind = message.WhichOneof("event")
        return kind, getattr(message, kind)


@asynccontextmanager
async def watching(replica: Replica, resume_from: int | None = None) -> AsyncIterator[Watcher]:
    request = pb.WatchInvalidationsRequest(instance=instance(), resume_from=resume_from)
    async with open_stream(replica.auth.WatchInvalidations(request)) as call:
        yield Watcher(call)


async def revoke(replica: Replica, tenant: Tenant, key_id: str) -> RevokeApiKeyResponse:
    return await replica.keys.RevokeApiKey(RevokeApiKeyRequest(tenant_id=tenant.id, key_id=key_id))


async def revoke_new(replica: Replica, tenant: Tenant, number: int) -> list[int]:
    """The revisions of so many revocations."""
    keys = [await replica.create_key(tenant.id, f"key {n}") for n in range(number)]
    return [(await revoke(replica, tenant, key.key.id)).revision for key in keys]


async def test_a_new_watcher_starts_at_the_head_and_hears_what_comes(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        tenant = await replica.tenant()
        await revoke_new(replica, tenant, 2)
        async with watching(replica) as watcher:
            kind, complete = await watcher.next()
            assert (kind, complete.revision) == ("sync_complete", 2)
            await revoke(replica, tenant, tenant.key_id)
            kind, event = await watcher.next()
            await replica.provisioning.PurgeTenant(PurgeTenantRequest(tenant_id=tenant.id))
            _, purge = await watcher.next()
    assert kind == "invalidation"
    assert (event.revision, event.scope, event.subject) == (3, INVALIDATION_SCOPE_API_KEY, tenant.key_id)
    assert event.tenant_id == tenant.id
    assert (purge.revision, purge.scope, purge.subject) == (4, INVALIDATION_SCOPE_TENANT, tenant.id)


async def test_a_returning_watcher_first_gets_what_it_missed_in_order(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        await revoke_new(replica, await replica.tenant(), 5)
    async with cluster.replica() as successor, watching(successor, resume_from=2) as watcher:
        messages = [await watcher.next() for _ in range(4)]
    assert [(kind, message.revision) for kind, message in messages] == [
        ("invalidation", 3),
        ("invalidation", 4),
        ("invalidation", 5),
        ("sync_complete", 5),
    ]


@pytest.mark.parametrize("resume_from", [0, 1, 99], ids=["before the log", "just before the log", "after its end"])
async def test_a_watcher_whose_past_is_not_kept_starts_over(cluster: Cluster, resume_from: int) -> None:
    async with cluster.replica() as replica:
        await revoke_new(replica, await replica.tenant(), 4)
        connection = await asyncpg.connect(cluster.url)
        await connection.execute("DELETE FROM registry.invalidations WHERE revision <= 2")
        await connection.close()
        async with watching(replica, resume_from) as watcher:
            messages = [await watcher.next() for _ in range(2)]
    assert [(kind, message.revision) for kind, message in messages] == [("cache_reset", 4), ("sync_complete", 4)]


async def test_the_watch_ends_with_ok_when_the_service_drains(cluster: Cluster) -> None:
    async with cluster.replica() as replica, watching(replica) as watcher:
        assert (await watcher.next())[0] == "sync_complete"
        replica.hosted.drain.start()
        assert await watcher.next() == ("end", grpc.StatusCode.OK)


async def test_concurrent_changes_reach_watchers_in_commit_order_without_a_gap(cluster: Cluster) -> None:
    async with cluster.replica() as here, cluster.replica() as there, watching(there) as watcher:
        assert (await watcher.next())[0] == "sync_complete"
        tenants = [await here.tenant() for _ in range(4)]
        async with asyncio.TaskGroup() as tasks:
            for number, tenant in enumerate(tenants):
                tasks.create_task(revoke_new((here, there)[number % 2], tenant, 5))
        revisions = [(await watcher.next())[1].revision for _ in range(20)]
    assert revisions == list(range(1, 21))


async def test_an_acknowledgement_renews_the_lease_for_thirty_seconds(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        granted = await replica.auth.AckInvalidations(pb.AckInvalidationsRequest(instance=instance(), revision=0))
    assert (granted.lease.seconds, granted.head_revision) == (30, 0)


async def test_a_revocation_waits_for_the_leases_that_run(cluster: Cluster) -> None:
    async with cluster.replica() as here, cluster.replica() as there:
        tenant = await here.tenant()
        quick, slow = instance("quick"), instance("slow", 3)
        for worker in (quick, slow):
            await here.auth.AckInvalidations(pb.AckInvalidationsRequest(instance=worker, revision=0))
        await here.auth.AckInvalidations(pb.AckInvalidationsRequest(instance=quick, revision=1))
        pending = await revoke(here, tenant, tenant.key_id)
        await here.auth.AckInvalidations(pb.AckInvalidationsRequest(instance=quick, revision=1))
        async with asyncio.TaskGroup() as tasks:
            second = tasks.create_task(revoke(here, tenant, tenant.key_id))
            # Another replica may take the acknowledgement.
            await there.auth.AckInvalidations(pb.AckInvalidationsRequest(instance=slow, revision=1))
        done = second.result()
    assert not pending.in_force
    assert slow in pending.pending
    assert done.in_force
    assert sorted(each.gateway_id for each in done.acknowledged) == ["quick", "slow"]


@pytest.mark.parametrize("revision", [0, 9], ids=["of the past", "of another log"])
async def test_a_worker_that_starts_with_another_revision_than_the_newest_gets_no_lease(
    cluster: Cluster, revision: int
) -> None:
    """It may remember what a revocation ended that found no lease of it and was called in force."""
    async with cluster.replica() as replica:
        await revoke_new(replica, await replica.tenant(), 1)
        worker = instance()
        answer = await replica.auth.AckInvalidations(pb.AckInvalidationsRequest(instance=worker, revision=revision))
        again = await revoke_new(replica, await replica.tenant(), 1)
        assert (answer.lease.ToTimedelta().total_seconds(), again) == (0.0, [2])


async def test_wrong_fields_of_an_instance_are_named(cluster: Cluster) -> None:
    wrong = Instance(gateway_id="a b", slot=70_000, boot_id="x")
    async with cluster.replica() as replica:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await replica.auth.AckInvalidations(pb.AckInvalidationsRequest(instance=wrong))
    paths = [field.path for field in from_rpc_error(refused.value).fields]
    assert paths == ["instance.gateway_id", "instance.slot", "instance.boot_id"]
