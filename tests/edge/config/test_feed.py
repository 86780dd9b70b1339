"""The feed against a real configsvc: published there, served here, acknowledged there."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import pytest
from penstock.config.v1 import config_service_pb2 as pb
from penstock.config.v1 import gateway_service_pb2, tenant_pb2, tenant_service_pb2
from structlog.testing import capture_logs

from domain.tenants import DEFAULT_TENANT, TenantId
from edge.config.feed import ConfigFeed, FeedState
from edge.config.warm import WarmCopies
from edge.instance import Instance
from edge.routing import Route
from edge.snapshot import TenantStatus
from tests.configsvc.replica import Cluster, Replica, make_cluster
from tests.support.services import ServiceHost

INSTANCE = Instance("gw-1", 0, "01900000-0000-4000-8000-000000000001")
SALES = """
services: [{name: sales, targets: [{url: "http://127.0.0.1:9001"}]}]
routes: [{name: sales, prefix: /sales, service: sales}]
"""
NO_ADDRESS = {"SALES_SERVICE_URL": "sales"}
REFERRING = SALES.replace("http://127.0.0.1:9001", "${SALES_SERVICE_URL}")


@pytest.fixture
async def cluster(service_host: ServiceHost, database_url: str) -> Cluster:
    return await make_cluster(service_host, database_url)


@pytest.fixture
async def replica(cluster: Cluster) -> AsyncIterator[Replica]:
    async with cluster.replica() as running:
        yield running


@asynccontextmanager
async def feeding(
    replica: Replica,
    *,
    instance: Instance = INSTANCE,
    scope: str = "default",
    env: Mapping[str, str] | None = None,
    warm: WarmCopies | None = None,
    caller: str = "edge",
) -> AsyncIterator[ConfigFeed]:
    """A running feed, ended with the block."""
    feed = ConfigFeed(await replica.hosted.channel(caller), instance, scope, env or {}, warm, unit=lambda: 0.0)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(feed.run())
        yield feed
        task.cancel()


async def until(holds: Callable[[], bool]) -> None:
    """Returns when the condition holds; fails after ten seconds."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 (the feed tells nobody when it swaps)
            await asyncio.sleep(0.005)


async def publish(replica: Replica, tenant: str, document: str) -> pb.PublishConfigResponse:
    return await (await replica.configs()).PublishConfig(pb.PublishConfigRequest(tenant_id=tenant, document=document))


async def register(replica: Replica, slug: str) -> tenant_pb2.Tenant:
    answer = await (await replica.tenants()).RegisterTenant(tenant_service_pb2.RegisterTenantRequest(slug=slug))
    return answer.tenant


async def deliveries(replica: Replica, tenant: str, state: "gateway_service_pb2.DeliveryState.ValueType") -> list[str]:
    """The reasons of each gateway that is in `state` with the tenant's newest; waits for the first one."""
    gateways = await replica.gateways()
    async with asyncio.timeout(10):
        while True:
            answer = await gateways.ListGateways(gateway_service_pb2.ListGatewaysRequest(tenant_id=tenant))
            found = [each for gateway in answer.gateways for each in gateway.tenants if each.state == state]
            if found:
                return [f"{reason.path} {reason.message}" for each in found for reason in each.reasons]
            await asyncio.sleep(0.01)


def refusals(replica: Replica) -> float:
    labels = {"method": "/penstock.config.v1.ConfigService/WatchConfig", "code": "PERMISSION_DENIED"}
    return replica.hosted.registry.get_sample_value("grpc_server_handled_total", labels) or 0.0


async def test_what_is_published_is_served_and_known_to_be_applied(replica: Replica) -> None:
    async with feeding(replica) as feed:
        await until(lambda: feed.ready)
        assert feed.state is FeedState.CURRENT
        before = feed.snapshot
        published = await publish(replica, DEFAULT_TENANT, SALES)
        await until(lambda: feed.revision >= published.revision)
        default = feed.snapshot.default
        assert default is not None
        assert isinstance(default.rules.router.match("", "GET", "/sales/1", dict), Route)
        assert default.rules.version == 2
        assert before.default is not None
        assert before.default.rules.router.routes == ()
        assert await deliveries(replica, DEFAULT_TENANT, gateway_service_pb2.DELIVERY_STATE_APPLIED) == []


async def test_a_registered_tenant_is_at_the_gateways_when_the_call_returns(replica: Replica) -> None:
    async with feeding(replica) as feed:
        await until(lambda: feed.ready)
        tenant = await register(replica, "acme")
        assert feed.snapshot.tenants[TenantId(tenant.id)].status is TenantStatus.ACTIVE
        default = feed.snapshot.default
        assert default is not None
        assert feed.snapshot.tenants[TenantId(tenant.id)].rules is default.rules


async def test_a_suspension_reaches_the_gateways(replica: Replica) -> None:
    async with feeding(replica) as feed:
        await until(lambda: feed.ready)
        tenant = await register(replica, "acme")
        request = tenant_service_pb2.UpdateTenantRequest(
            tenant=tenant_pb2.Tenant(id=tenant.id, status=tenant_pb2.TENANT_STATUS_SUSPENDED)
        )
        request.update_mask.paths.append("status")
        await (await replica.tenants()).UpdateTenant(request)
        await until(lambda: feed.snapshot.tenants[TenantId(tenant.id)].status is TenantStatus.SUSPENDED)


async def test_a_document_that_this_gateway_cannot_serve_is_rejected_and_seen_to_be(replica: Replica) -> None:
    async with feeding(replica, env=NO_ADDRESS) as feed:
        await until(lambda: feed.ready)
        good = await publish(replica, DEFAULT_TENANT, SALES)
        await until(lambda: feed.revision >= good.revision)
        published = await publish(replica, DEFAULT_TENANT, REFERRING)
        await until(lambda: feed.revision >= published.revision)
        default = feed.snapshot.default
        assert default is not None
        assert default.rules.version == 2
        assert await deliveries(replica, DEFAULT_TENANT, gateway_service_pb2.DELIVERY_STATE_REJECTED) == [
            "services[0].targets[0].url is not http://host[:port] or https://host[:port], by way of SALES_SERVICE_URL"
        ]
        await publish(replica, DEFAULT_TENANT, SALES)
        assert await deliveries(replica, DEFAULT_TENANT, gateway_service_pb2.DELIVERY_STATE_APPLIED) == []
        assert feed.rejects == ()


async def test_variables_that_are_not_set_are_told_in_the_log(replica: Replica) -> None:
    async with feeding(replica) as feed:
        await until(lambda: feed.ready)
        with capture_logs() as lines:
            published = await publish(replica, DEFAULT_TENANT, REFERRING)
            await until(lambda: feed.revision >= published.revision)
        assert feed.rejects == ()
        assert [line["variables"] for line in lines if "variables" in line] == [("SALES_SERVICE_URL",)]


async def test_two_gateways_may_differ_in_what_they_can_serve(replica: Replica) -> None:
    other = Instance("gw-2", 0, "01900000-0000-4000-8000-000000000002")
    async with (
        feeding(replica, env=NO_ADDRESS) as poor,
        feeding(replica, instance=other, env={"SALES_SERVICE_URL": "http://sales:80"}) as rich,
    ):
        published = await publish(replica, DEFAULT_TENANT, REFERRING)
        await until(lambda: poor.revision >= published.revision and rich.revision >= published.revision)
        assert rich.snapshot.default is not None
        assert len(rich.snapshot.default.rules.router.routes) == 1
        assert not poor.ready or poor.snapshot.default is not None
        await deliveries(replica, DEFAULT_TENANT, gateway_service_pb2.DELIVERY_STATE_APPLIED)
        await deliveries(replica, DEFAULT_TENANT, gateway_service_pb2.DELIVERY_STATE_REJECTED)


async def test_a_gateway_of_one_tenant_is_sent_nothing_else(replica: Replica) -> None:
    acme, beta = await register(replica, "acme"), await register(replica, "beta")
    async with feeding(replica, scope=acme.id) as feed:
        await until(lambda: feed.ready)
        await publish(replica, beta.id, SALES)
        published = await publish(replica, acme.id, SALES)
        await until(lambda: feed.revision >= published.revision)
        assert set(feed.snapshot.tenants) == {acme.id}


async def test_a_change_made_through_one_replica_reaches_the_gateways_of_the_other(cluster: Cluster) -> None:
    async with cluster.replica() as near, cluster.replica() as far, feeding(near) as feed:
        await until(lambda: feed.ready)
        published = await publish(far, DEFAULT_TENANT, SALES)
        await until(lambda: feed.revision >= published.revision)
        await deliveries(far, DEFAULT_TENANT, gateway_service_pb2.DELIVERY_STATE_APPLIED)


async def test_a_drain_ends_the_watch_and_the_feed_serves_on(replica: Replica) -> None:
    async with feeding(replica) as feed:
        await until(lambda: feed.ready)
        replica.drain.start()
        await until(lambda: feed.state is FeedState.AWAY)
        assert feed.ready


async def test_a_worker_that_drains_leaves_the_slot_to_its_successor(replica: Replica) -> None:
    feed = ConfigFeed(await replica.hosted.channel("edge"), INSTANCE, "default", {}, None, unit=lambda: 0.0)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(feed.run())
        await until(lambda: feed.state is FeedState.CURRENT)
        feed.leave()
        tenant = await register(replica, "acme")
        assert tenant.id in feed.snapshot.tenants, "what is published meanwhile is still in force at once"
        replica.drain.start()
        async with asyncio.timeout(10):
            await running  # it does not come back


async def test_a_caller_that_is_refused_for_good_stops_until_told_otherwise(replica: Replica) -> None:
    async with feeding(replica, caller="admin") as feed:
        await until(lambda: feed.state is FeedState.REFUSED)
        assert refusals(replica) == 1
        feed.try_again()
        await until(lambda: refusals(replica) == 2)
        await until(lambda: feed.state is FeedState.REFUSED)
        assert not feed.ready
