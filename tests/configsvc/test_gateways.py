"""The matrix of gateways and tenants: what is refused and why, and who is forgotten."""

import asyncio
from typing import Any

import asyncpg
import grpc
import pytest
from penstock.config.v1 import config_service_pb2 as pb
from penstock.config.v1 import gateway_service_pb2 as gateways_pb
from penstock.config.v1 import tenant_service_pb2
from penstock.errors.v1 import error_reason_pb2 as reasons

from configsvc.gateway_store import FORGOTTEN_DAYS, GatewayStore
from domain.tenants import DEFAULT_TENANT, TenantId
from svckit.errors import from_rpc_error
from tests.configsvc.replica import Cluster, Replica
from tests.configsvc.rows import execute, told_of

BOOT = "01900000-0000-4000-8000-000000000001"


async def acknowledge(replica: Replica, gateway: str, *refused: str) -> None:
    """`gateway` has everything but the states of the tenants that it refuses, each with one reason."""
    newest = {each.tenant_id: each.revision for each in (await matrix(replica, probe=True))["probe"].tenants}
    rejects = [
        pb.ConfigReject(
            tenant_id=tenant, revision=newest[tenant], reasons=[pb.DocumentFault(path="routes", message=tenant)]
        )
        for tenant in refused
    ]
    request = pb.AckConfigRequest(instance=instance(gateway), scope="default", revision=99, rejects=rejects)
    await (await replica.configs("edge")).AckConfig(request)


def instance(gateway: str) -> pb.Instance:
    return pb.Instance(gateway_id=gateway, slot=0, boot_id=BOOT)


async def matrix(replica: Replica, *, probe: bool = False) -> dict[str, gateways_pb.Gateway]:
    """The gateways by id; a probe is one that has nothing and tells what there is."""
    if probe:
        request = pb.AckConfigRequest(instance=instance("probe"), scope="default")
        await (await replica.configs("edge")).AckConfig(request)
    answer = await (await replica.gateways()).ListGateways(gateways_pb.ListGatewaysRequest())
    return {each.instance.gateway_id: each for each in answer.gateways}


async def register(replica: Replica, slug: str) -> str:
    request = tenant_service_pb2.RegisterTenantRequest(slug=slug)
    return (await (await replica.tenants()).RegisterTenant(request)).tenant.id


async def test_each_gateway_is_listed_with_what_it_refuses_and_why(replica: Replica) -> None:
    acme, beta = await register(replica, "acme"), await register(replica, "beta")
    await acknowledge(replica, "a", acme, beta)
    await acknowledge(replica, "b", beta)
    found = await matrix(replica)
    why = {
        name: {each.tenant_id: [reason.message for reason in each.reasons] for each in found[name].tenants}
        for name in ("a", "b")
    }
    assert why == {
        "a": {DEFAULT_TENANT: [], acme: [acme], beta: [beta]},
        "b": {DEFAULT_TENANT: [], acme: [], beta: [beta]},
    }


async def test_a_gateway_may_refuse_ten_thousand_tenants_and_no_more(replica: Replica) -> None:
    stub = await replica.configs("edge")
    reject = pb.ConfigReject(tenant_id="01900000-0000-7000-8000-00000000ffff")
    request = pb.AckConfigRequest(instance=instance("a"), scope="default", rejects=[reject] * 10_000)
    await stub.AckConfig(request)
    request.rejects.append(reject)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.AckConfig(request)
    fault = from_rpc_error(refused.value)
    assert fault.reason == reasons.ERROR_REASON_BAD_REQUEST
    assert [field.path for field in fault.fields] == ["rejects"]


async def test_of_a_refusal_the_first_hundred_reasons_are_kept(replica: Replica) -> None:
    why = [pb.DocumentFault(path=f"routes[{number}]", message="odd") for number in range(101)]
    request = pb.AckConfigRequest(instance=instance("a"), scope="default", revision=99)
    newest = (await matrix(replica, probe=True))["probe"].tenants[0].revision
    request.rejects.add(tenant_id=DEFAULT_TENANT, revision=newest, reasons=why)
    await (await replica.configs("edge")).AckConfig(request)
    assert list((await matrix(replica))["a"].tenants[0].reasons) == why[:100]


async def test_the_reasons_of_many_tenants_cost_one_query(cluster: Cluster, replica: Replica) -> None:
    tenants = [await register(replica, f"t{number}") for number in range(5)]
    await acknowledge(replica, "a", *tenants)
    asked: list[str] = []

    async def listen(connection: Any) -> None:
        connection.add_query_logger(lambda record: asked.append(record.query))

    async with asyncpg.create_pool(cluster.database_url, min_size=1, max_size=1, setup=listen) as pool:
        found = await GatewayStore(pool).reasons([TenantId(tenant) for tenant in tenants])
    assert set(found) == set(tenants)
    assert len([query for query in asked if "reject_reasons" in query]) == 1


async def test_a_gateway_that_was_not_heard_for_a_month_is_forgotten_with_its_reasons(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        acme = await register(replica, "acme")
        for gateway in ("gone", "late", "here"):
            await acknowledge(replica, gateway, acme)
    for gateway, days in (("gone", FORGOTTEN_DAYS + 1), ("late", FORGOTTEN_DAYS - 1)):
        sql = "UPDATE config.gateways SET last_seen = now() - make_interval(days => $2) WHERE gateway_id = $1"
        await execute(cluster.database_url, sql, gateway, days)
    async with told_of(cluster.database_url, "DELETE ON config.gateways") as forgotten, cluster.replica() as replica:
        async with asyncio.timeout(10):
            await forgotten.wait()
        assert set(await matrix(replica)) == {"probe", "late", "here"}
    async with asyncpg.create_pool(cluster.database_url, min_size=1, max_size=1) as pool:
        (refusals,) = (await GatewayStore(pool).reasons([TenantId(acme)])).values()
    assert {gateway for gateway, _ in refusals} == {"late", "here"}
