"""Registering a tenant: one call, from nothing to a tenant that serves."""

import asyncio

import asyncpg
import grpc
import pytest
from penstock.config.v1 import tenant_pb2
from penstock.config.v1 import tenant_service_pb2 as pb
from penstock.errors.v1 import error_reason_pb2 as reasons

from domain.tenants import DEFAULT_TENANT, TenantId, schema_name
from svckit.errors import from_rpc_error
from tests.configsvc.replica import Cluster, Replica

ACME = pb.RegisterTenantRequest(
    request_id="r-1",
    slug="acme",
    name="Acme GmbH",
    hosts=["www.acme.test", "api.acme.test"],
    subscription=tenant_pb2.Subscription(tier="professional", status="trialing"),
)


async def test_a_tenant_is_made_everywhere_and_its_key_returned(cluster: Cluster, replica: Replica) -> None:
    tenants = await replica.tenants()
    answer = await tenants.RegisterTenant(ACME)
    tenant = answer.tenant
    assert answer.api_key == cluster.auth.live["r-1"]
    assert tenant.id in cluster.telemetry.tenants
    assert (tenant.slug, tenant.name, list(tenant.hosts)) == ("acme", "Acme GmbH", ["api.acme.test", "www.acme.test"])
    assert (tenant.status, tenant.kind) == (tenant_pb2.TENANT_STATUS_ACTIVE, tenant_pb2.TENANT_KIND_STANDARD)
    assert (tenant.config_version, tenant.state_version) == (1, 1)
    assert tenant.subscription == ACME.subscription
    assert (await tenants.GetTenant(pb.GetTenantRequest(tenant_id="acme"))).tenant == tenant


async def test_what_a_tenant_has_said_lies_in_its_own_schema(cluster: Cluster, replica: Replica) -> None:
    answer = await (await replica.tenants()).RegisterTenant(ACME)
    connection = await asyncpg.connect(cluster.database_url)
    try:
        schema = schema_name(TenantId(answer.tenant.id))
        name = await connection.fetchval(f'SELECT name FROM "{schema}".record')  # noqa: S608
        assert name == "Acme GmbH"
        columns = await connection.fetch(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'config' "
            "AND table_name IN ('tenants', 'hosts')"
        )
    finally:
        await connection.close()
    outside = {row["column_name"] for row in columns}
    assert not outside & {"name", "tier", "read_only_reason", "parent_id", "config"}


async def test_a_repeated_call_is_the_same_tenant_with_a_new_key(cluster: Cluster, replica: Replica) -> None:
    tenants = await replica.tenants()
    first = await tenants.RegisterTenant(ACME)
    second = await tenants.RegisterTenant(ACME)
    assert second.tenant == first.tenant
    assert second.api_key != first.api_key
    assert second.api_key == cluster.auth.live["r-1"]


async def test_repeats_at_the_same_time_take_turns(cluster: Cluster) -> None:
    async with cluster.replica() as one, cluster.replica() as other:
        stubs = [await one.tenants(), await other.tenants()]
        answers = await asyncio.gather(*(stubs[number % 2].RegisterTenant(ACME) for number in range(6)))
    assert len({answer.tenant.id for answer in answers}) == 1
    assert len({answer.api_key for answer in answers}) == 6
    assert cluster.auth.live["r-1"] in {answer.api_key for answer in answers}


@pytest.mark.parametrize("slug", ["00000000-0000-7000-8000-000000000000", "01a2144d-7684-7178-a39f-d51a63ede251"])
async def test_a_slug_that_looks_like_an_id_is_refused(replica: Replica, slug: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await (await replica.tenants()).RegisterTenant(pb.RegisterTenantRequest(request_id="r-2", slug=slug, name="x"))
    assert [field.path for field in from_rpc_error(refused.value).fields] == ["slug"]


async def test_a_registration_that_was_cut_off_is_finished_by_the_same_call(cluster: Cluster, replica: Replica) -> None:
    tenants = await replica.tenants()
    cluster.auth.down = True
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await tenants.RegisterTenant(ACME)
    assert from_rpc_error(refused.value).reason == reasons.ERROR_REASON_UNAVAILABLE
    pending = (await tenants.GetTenant(pb.GetTenantRequest(tenant_id="acme"))).tenant
    assert pending.status == tenant_pb2.TENANT_STATUS_PROVISIONING
    assert pending.config_version == 0
    cluster.auth.down = False
    async with cluster.replica() as another:
        answer = await (await another.tenants()).RegisterTenant(ACME)
    assert answer.tenant.id == pending.id
    assert answer.tenant.status == tenant_pb2.TENANT_STATUS_ACTIVE
    assert answer.tenant.name == "Acme GmbH"


async def test_slugs_and_hosts_are_unique_and_the_refusal_names_all_that_are_taken(replica: Replica) -> None:
    tenants = await replica.tenants()
    await tenants.RegisterTenant(ACME)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await tenants.RegisterTenant(
            pb.RegisterTenantRequest(slug="acme", hosts=["free.acme.test", "api.acme.test"], request_id="r-2")
        )
    fault = from_rpc_error(refused.value)
    assert fault.reason == reasons.ERROR_REASON_ALREADY_EXISTS
    assert [field.path for field in fault.fields] == ["slug", "hosts[1]"]


async def test_a_request_id_belongs_to_one_slug(replica: Replica) -> None:
    tenants = await replica.tenants()
    await tenants.RegisterTenant(ACME)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await tenants.RegisterTenant(pb.RegisterTenantRequest(slug="other", request_id="r-1"))
    assert [field.path for field in from_rpc_error(refused.value).fields] == ["request_id"]


async def test_calls_without_request_id_are_registrations_of_their_own(replica: Replica) -> None:
    tenants = await replica.tenants()
    await tenants.RegisterTenant(pb.RegisterTenantRequest(slug="acme"))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await tenants.RegisterTenant(pb.RegisterTenantRequest(slug="acme"))
    assert [field.path for field in from_rpc_error(refused.value).fields] == ["slug"]


async def test_a_request_id_belongs_to_one_record(replica: Replica) -> None:
    tenants = await replica.tenants()
    await tenants.RegisterTenant(ACME)
    for other in (
        pb.RegisterTenantRequest(name="Acme AG"),
        pb.RegisterTenantRequest(hosts=["more.acme.test"]),
        pb.RegisterTenantRequest(parent_id=DEFAULT_TENANT),
        pb.RegisterTenantRequest(subscription=tenant_pb2.Subscription(tier="enterprise")),
    ):
        request = pb.RegisterTenantRequest()
        request.CopyFrom(ACME)
        request.MergeFrom(other)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await tenants.RegisterTenant(request)
        fault = from_rpc_error(refused.value)
        assert fault.reason == reasons.ERROR_REASON_ALREADY_EXISTS
        assert [field.path for field in fault.fields] == ["request_id"]


async def test_a_repeat_is_the_same_whatever_has_become_of_the_tenant_and_however_hosts_are_sorted(
    replica: Replica,
) -> None:
    tenants = await replica.tenants()
    first = (await tenants.RegisterTenant(ACME)).tenant
    change = pb.UpdateTenantRequest(tenant=tenant_pb2.Tenant(id=first.id, name="Acme AG"))
    change.update_mask.paths.append("name")
    await tenants.UpdateTenant(change)
    request = pb.RegisterTenantRequest()
    request.CopyFrom(ACME)
    request.hosts[:] = reversed(ACME.hosts)
    again = (await tenants.RegisterTenant(request)).tenant
    assert (again.id, again.name) == (first.id, "Acme AG")


async def test_every_faulty_field_is_named_at_once(replica: Replica) -> None:
    tenants = await replica.tenants()
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await tenants.RegisterTenant(
            pb.RegisterTenantRequest(
                request_id="a b",
                slug="Acme",
                name="line\nbreak",
                hosts=["ok.test", "Upper.test", "host:80"],
                parent_id="nobody",
                subscription=tenant_pb2.Subscription(tier="a b", status="odd"),
            )
        )
    fault = from_rpc_error(refused.value)
    assert fault.reason == reasons.ERROR_REASON_BAD_REQUEST
    assert [field.path for field in fault.fields] == [
        "request_id",
        "slug",
        "name",
        "hosts[1]",
        "hosts[2]",
        "subscription.tier",
        "subscription.status",
        "parent_id",
    ]


async def test_default_is_there_from_the_start_and_is_provisioned_when_the_services_come(cluster: Cluster) -> None:
    cluster.auth.down = True
    async with cluster.replica() as replica:
        tenants = await replica.tenants()
        default = (await tenants.GetTenant(pb.GetTenantRequest(tenant_id="default"))).tenant
        assert (default.id, default.config_version) == (DEFAULT_TENANT, 1)
        assert default.status == tenant_pb2.TENANT_STATUS_ACTIVE
    cluster.auth.down = False
    async with cluster.replica():
        await cluster.auth.arrival(mint_key=False)
    assert [request.tenant_id for request in cluster.auth.requests] == [DEFAULT_TENANT]
    assert not cluster.auth.requests[0].mint_key


async def test_the_slug_default_cannot_be_registered(replica: Replica) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await (await replica.tenants()).RegisterTenant(pb.RegisterTenantRequest(slug="default"))
    assert [field.path for field in from_rpc_error(refused.value).fields] == ["slug"]


async def test_tenants_are_listed_by_slug_in_pages(replica: Replica) -> None:
    tenants = await replica.tenants()
    for slug in ("beta", "acme"):
        await tenants.RegisterTenant(pb.RegisterTenantRequest(slug=slug))
    first = await tenants.ListTenants(pb.ListTenantsRequest(page_size=2))
    assert [tenant.slug for tenant in first.tenants] == ["acme", "beta"]
    second = await tenants.ListTenants(pb.ListTenantsRequest(page_size=2, page_token=first.next_page_token))
    assert [tenant.slug for tenant in second.tenants] == ["default"]
    assert second.next_page_token == ""


@pytest.mark.parametrize("caller", ["edge", "authsvc", None])
async def test_only_management_may_register(replica: Replica, caller: str | None) -> None:
    channel = await replica.hosted.channel(caller)
    call = channel.unary_unary(
        "/penstock.config.v1.TenantService/RegisterTenant",
        request_serializer=pb.RegisterTenantRequest.SerializeToString,
        response_deserializer=pb.RegisterTenantResponse.FromString,
    )
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call(ACME)
    expected = reasons.ERROR_REASON_CALLER_FORBIDDEN if caller else reasons.ERROR_REASON_CALLER_UNAUTHENTICATED
    assert from_rpc_error(refused.value).reason == expected
