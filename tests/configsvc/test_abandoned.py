"""Registrations that were cut off: taken over by the next call, or removed when none comes."""

import asyncio
from typing import Any

import asyncpg
import grpc
import pytest
from penstock.config.v1 import tenant_pb2
from penstock.config.v1 import tenant_service_pb2 as pb
from penstock.errors.v1 import error_reason_pb2 as reasons

from domain.tenants import DEFAULT_TENANT, TenantId, schema_name
from svckit.errors import Fault, from_rpc_error
from tests.configsvc.replica import Cluster, Replica
from tests.configsvc.rows import execute, told_of

TAKEN_OVER_AFTER = 61
REMOVED_AFTER = 601


async def register(replica: Replica, slug: str, **more: Any) -> pb.RegisterTenantResponse:
    return await (await replica.tenants()).RegisterTenant(pb.RegisterTenantRequest(slug=slug, **more))


async def refused(replica: Replica, slug: str, **more: Any) -> Fault:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await register(replica, slug, **more)
    return from_rpc_error(error.value)


async def cut_off(
    cluster: Cluster, replica: Replica, seconds_ago: int, slug: str = "acme", **more: Any
) -> tenant_pb2.Tenant:
    """A tenant whose key authsvc made without being able to say so, so long ago."""
    cluster.auth.mute = True
    assert (await refused(replica, slug, **more)).reason == reasons.ERROR_REASON_UNAVAILABLE
    cluster.auth.mute = False
    await backdate(cluster, slug, seconds_ago)
    return (await (await replica.tenants()).GetTenant(pb.GetTenantRequest(tenant_id=slug))).tenant


async def backdate(cluster: Cluster, slug: str, seconds: int) -> None:
    """Makes the last call of a registration look so long ago."""
    sql = "UPDATE config.tenants SET claim_time = now() - make_interval(secs => $2) WHERE slug = $1"
    await execute(cluster.database_url, sql, slug, seconds)


async def until(event: asyncio.Event) -> None:
    async with asyncio.timeout(10):
        await event.wait()


async def test_a_call_without_request_id_finishes_one_that_was_cut_off(cluster: Cluster, replica: Replica) -> None:
    acme = await cut_off(cluster, replica, TAKEN_OVER_AFTER)
    answer = await register(replica, "acme")
    assert (answer.tenant.id, answer.tenant.status) == (acme.id, tenant_pb2.TENANT_STATUS_ACTIVE)
    assert list(cluster.auth.live.values()) == [answer.api_key]


async def test_who_finishes_it_decides_what_the_tenant_is(cluster: Cluster, replica: Replica) -> None:
    await cut_off(cluster, replica, TAKEN_OVER_AFTER, name="Acme AG", hosts=["a.test", "both.test"])
    parent = DEFAULT_TENANT
    answer = await register(replica, "acme", name="Acme GmbH", hosts=["both.test", "b.test"], parent_id=parent)
    assert (answer.tenant.name, list(answer.tenant.hosts)) == ("Acme GmbH", ["b.test", "both.test"])
    assert answer.tenant.parent_id == parent
    assert list((await register(replica, "beta", hosts=["a.test"])).tenant.hosts) == ["a.test"]


async def test_nobody_is_taken_over_with_the_hosts_of_another_tenant(cluster: Cluster, replica: Replica) -> None:
    await register(replica, "beta", hosts=["b.test"])
    await cut_off(cluster, replica, TAKEN_OVER_AFTER, hosts=["a.test"])
    fault = await refused(replica, "acme", hosts=["free.test", "b.test"])
    assert fault.reason == reasons.ERROR_REASON_ALREADY_EXISTS
    assert [field.path for field in fault.fields] == ["hosts[1]"]


@pytest.mark.parametrize(
    ("seconds_ago", "first", "second"),
    [
        (TAKEN_OVER_AFTER - 10, {}, {}),
        (TAKEN_OVER_AFTER, {"request_id": "r-1"}, {}),
        (TAKEN_OVER_AFTER, {}, {"request_id": "r-2"}),
        (TAKEN_OVER_AFTER, {"request_id": "r-1"}, {"request_id": "r-2"}),
    ],
    ids=["too early", "it will be repeated", "it will repeat", "both have an id"],
)
async def test_the_slug_of_an_unfinished_registration_is_taken(
    cluster: Cluster, replica: Replica, seconds_ago: int, first: dict[str, Any], second: dict[str, Any]
) -> None:
    await cut_off(cluster, replica, seconds_ago, **first)
    fault = await refused(replica, "acme", **second)
    assert fault.reason == reasons.ERROR_REASON_ALREADY_EXISTS
    assert [field.path for field in fault.fields] == ["slug"]


async def test_a_call_that_comes_back_late_finds_its_registration_taken_over(
    cluster: Cluster, replica: Replica
) -> None:
    cluster.auth.hold()
    async with asyncio.TaskGroup() as calls:
        late = calls.create_task(refused(replica, "acme", name="late"))
        await cluster.auth.arrival(mint_key=True)
        await backdate(cluster, "acme", TAKEN_OVER_AFTER)
        winner = calls.create_task(register(replica, "acme", name="winner"))
        await cluster.auth.arrival(mint_key=True)
        cluster.auth.released.set()
    assert winner.result().tenant.name == "winner"
    fault = late.result()
    assert (fault.reason, [field.path for field in fault.fields]) == (reasons.ERROR_REASON_ALREADY_EXISTS, ["slug"])


async def test_what_nobody_finishes_is_removed_everywhere_and_slug_and_hosts_are_free(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        kept = (await register(replica, "kept")).tenant
        acme = await cut_off(cluster, replica, REMOVED_AFTER, request_id="r-1", hosts=["a.test"])
        assert acme.id in cluster.telemetry.tenants
    async with told_of(cluster.database_url, "DELETE ON config.tenants") as removed, cluster.replica() as replica:
        await until(removed)
        answer = await register(replica, "acme", hosts=["a.test"])
        assert answer.tenant.id != acme.id
        tenants = (await (await replica.tenants()).ListTenants(pb.ListTenantsRequest())).tenants
    assert [tenant.slug for tenant in tenants] == ["acme", "default", "kept"]
    assert cluster.auth.purged == [acme.id]
    assert set(cluster.telemetry.tenants) == {DEFAULT_TENANT, kept.id, answer.tenant.id}
    assert not await schema_exists(cluster, acme.id)


async def schema_exists(cluster: Cluster, tenant: str) -> bool:
    connection = await asyncpg.connect(cluster.database_url)
    try:
        found = await connection.fetchval("SELECT to_regnamespace($1)", schema_name(TenantId(tenant)))
    finally:
        await connection.close()
    return found is not None


async def test_a_removal_waits_for_the_other_services_and_is_finished_when_they_are_back(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        await cut_off(cluster, replica, REMOVED_AFTER, request_id="r-1")
    cluster.auth.down = True
    marking = told_of(cluster.database_url, "UPDATE OF status ON config.tenants")
    async with marking as marked, cluster.replica() as replica:
        await until(marked)
        for request_id in ("r-1", "r-2"):
            fault = await refused(replica, "acme", request_id=request_id)
            assert fault.reason == reasons.ERROR_REASON_UNAVAILABLE
            assert "being removed" in fault.detail
    cluster.auth.down = False
    async with told_of(cluster.database_url, "DELETE ON config.tenants") as removed, cluster.replica() as replica:
        await until(removed)
        answer = await register(replica, "acme", request_id="r-1")
    assert answer.tenant.status == tenant_pb2.TENANT_STATUS_ACTIVE


async def test_what_is_young_or_complete_is_not_removed(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        await cut_off(cluster, replica, REMOVED_AFTER - 20)
        await register(replica, "beta")
        await backdate(cluster, "beta", 1_000 * REMOVED_AFTER)
        await backdate(cluster, "default", 1_000 * REMOVED_AFTER)
        await cut_off(cluster, replica, REMOVED_AFTER, slug="gone")
    async with told_of(cluster.database_url, "DELETE ON config.tenants") as removed, cluster.replica() as replica:
        await until(removed)
        tenants = (await (await replica.tenants()).ListTenants(pb.ListTenantsRequest())).tenants
    assert [(tenant.slug, tenant.status) for tenant in tenants] == [
        ("acme", tenant_pb2.TENANT_STATUS_PROVISIONING),
        ("beta", tenant_pb2.TENANT_STATUS_ACTIVE),
        ("default", tenant_pb2.TENANT_STATUS_ACTIVE),
    ]
