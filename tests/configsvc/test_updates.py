"""Changing a tenant's record: versioned, unique where it must be, streamed."""

from typing import Any

import grpc
import pytest
from penstock.config.v1 import tenant_pb2
from penstock.config.v1 import tenant_service_pb2 as pb
from penstock.config.v1.tenant_service_pb2_grpc import TenantServiceStub
from penstock.errors.v1 import error_reason_pb2 as reasons

from svckit.errors import Fault, from_rpc_error
from tests.configsvc.replica import Cluster, Replica


async def registered(replica: Replica, slug: str, *hosts: str) -> tenant_pb2.Tenant:
    answer = await (await replica.tenants()).RegisterTenant(pb.RegisterTenantRequest(slug=slug, hosts=hosts))
    return answer.tenant


def update(
    tenant: tenant_pb2.Tenant, *fields: str, expected: int | None = None, **values: object
) -> pb.UpdateTenantRequest:
    request = pb.UpdateTenantRequest(
        tenant=tenant_pb2.Tenant(id=tenant.id, **values),  # type: ignore[arg-type]
        expected_state_version=expected,
    )
    request.update_mask.paths.extend(fields or values)
    return request


async def refused(replica: Replica, request: pb.UpdateTenantRequest) -> Fault:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await (await replica.tenants()).UpdateTenant(request)
    return from_rpc_error(error.value)


async def test_only_the_named_fields_change_and_the_state_version_counts_it(replica: Replica) -> None:
    acme = await registered(replica, "acme", "acme.test")
    request = update(
        acme,
        "name",
        "read_only",
        name="Acme",
        read_only=tenant_pb2.ReadOnly(on=True, reason="audit"),
        hosts=["ignored.test"],
    )
    changed = (await (await replica.tenants()).UpdateTenant(request)).tenant
    assert (changed.name, changed.read_only.on, list(changed.hosts)) == ("Acme", True, ["acme.test"])
    assert (changed.state_version, changed.config_version) == (2, 1)
    assert (await (await replica.tenants()).GetTenant(pb.GetTenantRequest(tenant_id=acme.id))).tenant == changed


async def test_a_field_that_is_named_without_value_is_cleared(replica: Replica) -> None:
    acme = await registered(replica, "acme", "acme.test")
    changed = (await (await replica.tenants()).UpdateTenant(update(acme, "hosts", "subscription"))).tenant
    assert list(changed.hosts) == []
    assert changed.subscription == tenant_pb2.Subscription()


async def test_no_difference_makes_no_version(replica: Replica) -> None:
    acme = await registered(replica, "acme")
    same = (await (await replica.tenants()).UpdateTenant(update(acme, name="acme"))).tenant
    assert same.state_version == 1


async def test_a_change_based_on_an_older_state_is_refused(replica: Replica) -> None:
    acme = await registered(replica, "acme")
    await (await replica.tenants()).UpdateTenant(update(acme, expected=1, name="one"))
    fault = await refused(replica, update(acme, expected=1, name="two"))
    assert (fault.reason, fault.metadata["version"]) == (reasons.ERROR_REASON_VERSION_CONFLICT, "2")


async def test_a_host_moves_only_when_it_is_free(replica: Replica) -> None:
    acme, beta = await registered(replica, "acme", "shop.test"), await registered(replica, "beta")
    fault = await refused(replica, update(beta, hosts=["free.test", "shop.test"]))
    assert fault.reason == reasons.ERROR_REASON_ALREADY_EXISTS
    assert [field.path for field in fault.fields] == ["tenant.hosts[1]"]
    await (await replica.tenants()).UpdateTenant(update(acme, "hosts"))
    moved = (await (await replica.tenants()).UpdateTenant(update(beta, hosts=["shop.test"]))).tenant
    assert list(moved.hosts) == ["shop.test"]


async def test_every_faulty_field_is_named_at_once(replica: Replica) -> None:
    acme = await registered(replica, "acme")
    fault = await refused(
        replica,
        update(
            acme,
            "status",
            "slug",
            "hosts",
            "read_only",
            "parent_id",
            status=tenant_pb2.TENANT_STATUS_DELETING,
            hosts=["A.test"],
            read_only=tenant_pb2.ReadOnly(reason="x" * 257),
            parent_id="top",
        ),
    )
    assert {field.path for field in fault.fields} == {
        "update_mask",
        "tenant.status",
        "tenant.hosts[0]",
        "tenant.read_only.reason",
        "tenant.parent_id",
    }


@pytest.mark.parametrize(
    "values",
    [{"name": "Acme"}, {"hosts": ["acme.test"]}, {"status": tenant_pb2.TENANT_STATUS_ACTIVE}, {"name": "acme"}],
    ids=["name", "hosts", "status", "no difference"],
)
async def test_nothing_of_a_tenant_changes_before_its_registration_is_complete(
    cluster: Cluster, replica: Replica, values: dict[str, Any]
) -> None:
    acme = await half_registered(cluster, replica)
    fault = await refused(replica, update(acme, **values))
    assert fault.reason == reasons.ERROR_REASON_BAD_REQUEST
    assert [field.path for field in fault.fields] == ["tenant.id"]
    cluster.auth.down = False
    async with cluster.replica() as restarted:
        known = (await (await restarted.tenants()).GetTenant(pb.GetTenantRequest(tenant_id=acme.id))).tenant
    assert known == acme


async def half_registered(cluster: Cluster, replica: Replica) -> tenant_pb2.Tenant:
    """`acme`, whose registration found authsvc away."""
    tenants = await replica.tenants()
    cluster.auth.down = True
    with pytest.raises(grpc.aio.AioRpcError):
        await tenants.RegisterTenant(pb.RegisterTenantRequest(slug="acme"))
    return (await tenants.GetTenant(pb.GetTenantRequest(tenant_id="acme"))).tenant


async def test_an_unknown_tenant_is_not_found(replica: Replica) -> None:
    unknown = tenant_pb2.Tenant(id="01900000-0000-7000-8000-00000000ffff")
    assert (await refused(replica, update(unknown, name="x"))).reason == reasons.ERROR_REASON_NOT_FOUND


async def test_what_is_not_served_yet_says_so(replica: Replica) -> None:
    stub = TenantServiceStub(await replica.hosted.channel("ctl"))
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await stub.DeleteTenant(pb.DeleteTenantRequest())
    assert from_rpc_error(error.value).reason == reasons.ERROR_REASON_UNIMPLEMENTED
