"""Which tenant may stand above which: no change makes a circle, and one that is there hangs nobody."""

import asyncio

import asyncpg
import grpc
from penstock.config.v1 import tenant_pb2
from penstock.config.v1 import tenant_service_pb2 as pb
from penstock.errors.v1 import error_reason_pb2 as reasons

from configsvc.schema import tenant_schema
from domain.tenants import TenantId
from svckit.errors import from_rpc_error
from tests.configsvc.replica import Cluster, Replica
from tests.configsvc.rows import execute

_WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


async def registered(replica: Replica, slug: str) -> str:
    return (await (await replica.tenants()).RegisterTenant(pb.RegisterTenantRequest(slug=slug))).tenant.id


async def put_below(replica: Replica, tenant: str, parent: str) -> tenant_pb2.Tenant:
    request = pb.UpdateTenantRequest(tenant=tenant_pb2.Tenant(id=tenant, parent_id=parent))
    request.update_mask.paths.append("parent_id")
    return (await (await replica.tenants()).UpdateTenant(request)).tenant


async def test_a_parent_is_a_tenant_and_never_a_descendant(replica: Replica) -> None:
    top, middle, leaf = [await registered(replica, slug) for slug in ("top", "middle", "leaf")]
    await put_below(replica, middle, top)
    await put_below(replica, leaf, middle)
    for parent in (leaf, top, "01900000-0000-7000-8000-00000000ffff"):
        assert await outcome(replica, top, parent) == "tenant.parent_id"


async def test_of_two_changes_that_would_close_a_circle_together_one_is_refused(
    cluster: Cluster, replica: Replica
) -> None:
    acme, beta = await registered(replica, "acme"), await registered(replica, "beta")
    connection = await asyncpg.connect(cluster.database_url)
    try:
        async with cluster.replica() as other, asyncio.TaskGroup() as calls, connection.transaction():
            # The last lock that a change needs: both have looked at the parents, or wait for their turn to look.
            await connection.execute("SELECT head FROM config.revision FOR UPDATE")
            changes = [
                calls.create_task(outcome(replica, acme, beta)),
                calls.create_task(outcome(other, beta, acme)),
            ]
            async with asyncio.timeout(1.5):  # they wait for a lock for 2 s
                while await connection.fetchval(_WAITING) < 2:
                    pass
    finally:
        await connection.close()
    assert sorted(change.result() for change in changes) == ["", "tenant.parent_id"]


async def outcome(replica: Replica, tenant: str, parent: str) -> str:
    """Empty, or the field that is at fault."""
    try:
        await put_below(replica, tenant, parent)
    except grpc.aio.AioRpcError as error:
        (field,) = from_rpc_error(error).fields
        return field.path
    return ""


async def test_a_circle_from_earlier_days_does_not_hang_changes_and_can_be_cut(
    cluster: Cluster, replica: Replica
) -> None:
    acme, beta, leaf = [await registered(replica, slug) for slug in ("acme", "beta", "leaf")]
    for tenant, parent in ((acme, beta), (beta, acme)):
        schema = tenant_schema(TenantId(tenant))
        await execute(cluster.database_url, f"UPDATE {schema}.record SET parent_id = $1", parent)  # noqa: S608
    assert (await put_below(replica, leaf, acme)).parent_id == acme
    assert (await put_below(replica, beta, "")).parent_id == ""
    assert await outcome(replica, acme, leaf) == "tenant.parent_id"


async def test_a_tenant_in_the_making_is_nobodys_parent(cluster: Cluster, replica: Replica) -> None:
    acme = await registered(replica, "acme")
    cluster.auth.down = True
    assert (await registration(replica, "half")) == reasons.ERROR_REASON_UNAVAILABLE
    cluster.auth.down = False
    half = (await (await replica.tenants()).GetTenant(pb.GetTenantRequest(tenant_id="half"))).tenant.id
    assert await outcome(replica, acme, half) == "tenant.parent_id"
    assert await registration(replica, "below", parent_id=half) == reasons.ERROR_REASON_BAD_REQUEST


async def registration(replica: Replica, slug: str, parent_id: str = "") -> int:
    """The reason for which a registration is refused."""
    try:
        await (await replica.tenants()).RegisterTenant(pb.RegisterTenantRequest(slug=slug, parent_id=parent_id))
    except grpc.aio.AioRpcError as error:
        return from_rpc_error(error).reason
    raise AssertionError("was registered")
