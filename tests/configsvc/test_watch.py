"""The stream to the gateways: what is lacking, in which order, and when it ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import grpc
import pytest
from penstock.config.v1 import config_service_pb2 as pb
from penstock.config.v1 import gateway_service_pb2, tenant_service_pb2
from penstock.config.v1.config_service_pb2_grpc import ConfigServiceStub
from penstock.errors.v1 import error_reason_pb2 as reasons

from domain.tenants import DEFAULT_TENANT
from svckit.channels import open_stream
from svckit.errors import from_rpc_error
from tests.configsvc.replica import Cluster, Replica
from tests.configsvc.rows import execute, told_of

INSTANCE = pb.Instance(gateway_id="gw", slot=0, boot_id="01900000-0000-4000-8000-000000000001")


class Reader:
    """Reads events with a deadline."""

    def __init__(self, stream: "grpc.aio.UnaryStreamCall[pb.WatchConfigRequest, pb.WatchConfigResponse]") -> None:
        self._events = aiter(stream)
        self.leave = stream.cancel

    async def next(self) -> pb.WatchConfigResponse:
        async with asyncio.timeout(10):
            return await anext(self._events)

    async def until_synced(self) -> tuple[list[pb.WatchConfigResponse], int]:
        """What was lacking, and the revision of the sync."""
        events = []
        while not (event := await self.next()).HasField("sync_complete"):
            events.append(event)
        return events, event.sync_complete.revision


@asynccontextmanager
async def watching(
    replica: Replica, *, resume_from: int = 0, scope: str = "default", caller: str = "edge"
) -> AsyncIterator[Reader]:
    stub = ConfigServiceStub(await replica.hosted.channel(caller))
    request = pb.WatchConfigRequest(instance=INSTANCE, scope=scope, resume_from=resume_from)
    async with open_stream(stub.WatchConfig(request)) as stream:
        yield Reader(stream)


async def register(replica: Replica, slug: str) -> str:
    answer = await (await replica.tenants()).RegisterTenant(tenant_service_pb2.RegisterTenantRequest(slug=slug))
    return answer.tenant.id


async def publish(replica: Replica, tenant: str, mark: str) -> pb.PublishConfigResponse:
    document = f"registration: open\ncors: {{origins: ['https://{mark}.test']}}"
    return await (await replica.configs()).PublishConfig(pb.PublishConfigRequest(tenant_id=tenant, document=document))


async def bury(cluster: Cluster, replica: Replica, tenant: str) -> int:
    """What the purge of a tenant will leave behind."""
    connection = await asyncpg.connect(cluster.database_url)
    try:
        async with connection.transaction():
            await connection.execute("DELETE FROM config.tenants WHERE id = $1", tenant)
            revision = await connection.fetchval("UPDATE config.revision SET head = head + 1 RETURNING head")
            await connection.execute("INSERT INTO config.tombstones VALUES ($1, $2)", tenant, revision)
    finally:
        await connection.close()
    # Reading the matrix catches up at once; the poll would, too.
    await (await replica.gateways()).ListGateways(gateway_service_pb2.ListGatewaysRequest())
    return int(revision)


async def test_a_gateway_with_nothing_is_sent_the_newest_of_everything_once(replica: Replica) -> None:
    acme = await register(replica, "acme")
    for mark in ("a", "b", "c"):
        await publish(replica, acme, mark)
    async with watching(replica) as reader:
        events, head = await reader.until_synced()
    assert [(event.snapshot.tenant.slug, event.snapshot.tenant.config_version) for event in events] == [
        ("default", 1),
        ("acme", 4),
    ]
    assert head == events[-1].snapshot.revision


async def test_a_gateway_that_comes_back_is_sent_only_what_it_lacks(replica: Replica) -> None:
    acme = await register(replica, "acme")
    async with watching(replica) as reader:
        _, head = await reader.until_synced()
    await publish(replica, acme, "a")
    async with watching(replica, resume_from=head) as reader:
        events, newer = await reader.until_synced()
    assert [event.snapshot.tenant.id for event in events] == [acme]
    async with watching(replica, resume_from=newer) as reader:
        assert await reader.until_synced() == ([], newer)


async def test_changes_follow_the_sync_in_the_order_of_their_revisions(replica: Replica) -> None:
    async with watching(replica) as reader:
        _, head = await reader.until_synced()
        published = [await publish(replica, DEFAULT_TENANT, mark) for mark in ("a", "b")]
        seen = [(await reader.next()).snapshot.revision]
        while seen[-1] < published[-1].revision:
            seen.append((await reader.next()).snapshot.revision)
    assert seen == sorted(seen)
    assert seen[0] > head


async def test_what_ended_is_told_before_the_rest(cluster: Cluster, replica: Replica) -> None:
    acme, beta = await register(replica, "acme"), await register(replica, "beta")
    async with watching(replica) as reader:
        _, head = await reader.until_synced()
        await publish(replica, beta, "a")
        await reader.next()
        ended = await bury(cluster, replica, acme)
        event = await reader.next()
    assert (event.tombstone.tenant_id, event.tombstone.revision) == (acme, ended)
    async with watching(replica, resume_from=head) as reader:
        events, newest = await reader.until_synced()
    assert [event.WhichOneof("event") for event in events] == ["tombstone", "snapshot"]
    assert newest == ended


async def test_a_scope_of_one_tenant_carries_no_byte_of_another(cluster: Cluster, replica: Replica) -> None:
    acme, beta = await register(replica, "acme"), await register(replica, "beta")
    await publish(replica, beta, "canary")
    async with watching(replica, scope=acme) as reader:
        events, _ = await reader.until_synced()
        await publish(replica, beta, "canary2")
        last = await publish(replica, acme, "own")
        event = await reader.next()
        events.append(event)
    assert event.snapshot.revision == last.revision
    assert {each.snapshot.tenant.id for each in events} == {acme}
    assert all(b"canary" not in each.SerializeToString() for each in events)


async def test_a_restarted_configsvc_goes_on_where_the_gateway_is(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        await register(replica, "acme")
        async with watching(replica) as reader:
            _, head = await reader.until_synced()
    async with cluster.replica() as replica:
        beta = await register(replica, "beta")
        async with watching(replica, resume_from=head) as reader:
            events, _ = await reader.until_synced()
    assert [event.snapshot.tenant.id for event in events] == [beta]


async def test_a_tenant_without_a_document_is_passed_over_even_if_it_has_a_revision(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        await register(replica, "acme")
        await spoil(cluster, await register(replica, "beta"))
    async with cluster.replica() as restarted, watching(restarted) as reader:
        events, _ = await reader.until_synced()
    assert [event.snapshot.tenant.slug for event in events] == ["default", "acme"]


async def spoil(cluster: Cluster, tenant: str) -> None:
    """What an update of a tenant in the making once left behind, and a service that could not start any more."""
    await execute(
        cluster.database_url,
        "WITH taken AS (UPDATE config.revision SET head = head + 1 RETURNING head) "
        "UPDATE config.tenants SET config_version = 0, revision = head FROM taken WHERE id = $1",
        tenant,
    )


async def test_a_watch_outlives_the_connections_to_the_database(cluster: Cluster, replica: Replica) -> None:
    async with watching(replica) as reader:
        await reader.until_synced()
        connection = await asyncpg.connect(cluster.database_url)
        try:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        finally:
            await connection.close()
        async with cluster.replica() as other:
            published = await publish(other, DEFAULT_TENANT, "a")
            while (await reader.next()).snapshot.revision < published.revision:
                pass


async def test_a_drain_ends_the_stream_without_error(replica: Replica) -> None:
    async with watching(replica) as reader:
        await reader.until_synced()
        replica.drain.start()
        with pytest.raises(StopAsyncIteration):
            await reader.next()


async def gateways(replica: Replica) -> list[gateway_service_pb2.Gateway]:
    answer = await (await replica.gateways()).ListGateways(gateway_service_pb2.ListGatewaysRequest())
    return list(answer.gateways)


async def test_an_open_watch_is_seen_and_its_end_too(cluster: Cluster, replica: Replica) -> None:
    async with watching(replica) as reader:
        await reader.until_synced()
        (gateway,) = await gateways(replica)
        assert (gateway.instance, gateway.connected, gateway.revision) == (INSTANCE, True, 0)
        assert gateway.tenants[0].state == gateway_service_pb2.DELIVERY_STATE_SENT
        async with told_of(cluster.database_url, "UPDATE OF watch_id ON config.gateways") as ended:
            reader.leave()
            async with asyncio.timeout(10):
                await ended.wait()
        (gateway,) = await gateways(replica)
        assert not gateway.connected


async def test_a_service_that_watches_is_no_gateway(replica: Replica) -> None:
    async with watching(replica, caller="authsvc") as reader:
        await reader.until_synced()
        assert await gateways(replica) == []


async def test_a_late_acknowledgement_takes_nothing_back(replica: Replica) -> None:
    stub = ConfigServiceStub(await replica.hosted.channel("edge"))
    old = pb.Instance(gateway_id="gw", slot=0, boot_id="01900000-0000-4000-8000-00000000000f")
    async with watching(replica) as reader:
        _, head = await reader.until_synced()
        answer = await stub.AckConfig(pb.AckConfigRequest(instance=INSTANCE, scope="default", revision=head))
        assert answer.head_revision == head
        await stub.AckConfig(pb.AckConfigRequest(instance=INSTANCE, scope="default", revision=0))
        await stub.AckConfig(pb.AckConfigRequest(instance=old, scope="default", revision=head + 9))
        (gateway,) = await gateways(replica)
        assert gateway.revision == head


async def test_every_faulty_field_is_named_at_once(replica: Replica) -> None:
    stub = ConfigServiceStub(await replica.hosted.channel("edge"))
    request = pb.AckConfigRequest(
        instance=pb.Instance(gateway_id="a b", slot=70_000, boot_id="x"),
        scope="everything",
        revision=2**63,
        rejects=[pb.ConfigReject(tenant_id="acme")],
    )
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await stub.AckConfig(request)
    fault = from_rpc_error(error.value)
    assert fault.reason == reasons.ERROR_REASON_BAD_REQUEST
    assert [field.path for field in fault.fields] == [
        "instance.gateway_id",
        "instance.slot",
        "instance.boot_id",
        "scope",
        "revision",
        "rejects[0].tenant_id",
    ]
