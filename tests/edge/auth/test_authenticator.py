"""The edge's authenticator against a real authsvc on PostgreSQL."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from penstock.auth.v1 import api_key_service_pb2 as pb
from penstock.auth.v1 import provisioning_service_pb2 as provisioning
from penstock.errors.v1 import error_reason_pb2 as reasons

from domain.tenants import DEFAULT_TENANT
from edge.auth.authenticator import Authenticator, AuthUnavailable
from edge.auth.clocks import steady_seconds
from edge.instance import Instance
from edge.principal import Credential, CredentialKind, Principal, Rejection
from svckit.channels import open_channel
from tests.authsvc.replica import Cluster, Replica, make_cluster
from tests.edge.auth.waiting import until
from tests.support.services import ServiceHost

KEY_INVALID = Rejection(reasons.ERROR_REASON_KEY_INVALID)


@pytest.fixture
async def cluster(service_host: ServiceHost, database_url: str, tmp_path: Path) -> Cluster:
    """A migrated database of authsvc."""
    return await make_cluster(service_host, database_url, tmp_path)


class Clock:
    """A clock, with what a test adds."""

    def __init__(self, clock: Callable[[], float] = steady_seconds) -> None:
        self._clock = clock
        self.added = 0.0

    def __call__(self) -> float:
        return self._clock() + self.added


@asynccontextmanager
async def running(
    cluster: Cluster,
    target: str,
    *,
    slot: int = 0,
    clock: Callable[[], float] = time.time,
    steady: Callable[[], float] = steady_seconds,
    max_stale: float = 900.0,
) -> AsyncIterator[Authenticator]:
    """An authenticator at work, as in an edge worker."""
    instance = Instance(f"gw-{secrets.token_hex(4)}", slot, str(uuid4()))
    async with open_channel(target, cluster.host.identities["edge"], "authsvc") as channel:
        authenticator = Authenticator(channel, instance, max_stale_seconds=max_stale, clock=clock, steady=steady)
        async with asyncio.TaskGroup() as tasks:
            work = tasks.create_task(authenticator.run())
            yield authenticator
            work.cancel()
        await authenticator.leave()


def key(value: str | bytes) -> Credential:
    return Credential(CredentialKind.API_KEY, value.encode() if isinstance(value, str) else value, DEFAULT_TENANT)


async def revoke(replica: Replica, tenant: str, key_id: str) -> pb.RevokeApiKeyResponse:
    return await replica.keys.RevokeApiKey(pb.RevokeApiKeyRequest(tenant_id=tenant, key_id=key_id))


async def test_a_revocation_is_in_force_at_the_edge_when_the_call_returns(cluster: Cluster) -> None:
    async with cluster.replica() as replica, running(cluster, replica.hosted.target) as authenticator:
        tenant = await replica.tenant()
        credential = key((await replica.create_key(tenant.id, "robot", consumer="acme")).secret)
        await until(lambda: authenticator.lease_state == "held")
        first = await authenticator.authenticate(credential)
        assert authenticator.cached(credential, time.time()) is first
        assert isinstance(first, Principal)
        revoked = await revoke(replica, tenant.id, first.credential_id)
        assert authenticator.cached(credential, time.time()) is None
        assert await authenticator.authenticate(credential) == KEY_INVALID
        assert authenticator.cached(credential, time.time()) == KEY_INVALID
    assert revoked.in_force
    assert not revoked.pending
    assert len(revoked.acknowledged) == 1
    assert (first.name, first.tenant_id) == ("acme", tenant.id)


async def test_a_worker_that_has_left_delays_no_revocation(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        tenant = await replica.tenant()
        created = await replica.create_key(tenant.id, "robot", consumer="acme")
        async with running(cluster, replica.hosted.target) as authenticator:
            await until(lambda: authenticator.lease_state == "held")
        revoked = await revoke(replica, tenant.id, created.key.id)
        assert (revoked.in_force, list(revoked.pending)) == (True, [])


async def test_a_revocation_at_one_replica_reaches_the_edge_of_another(cluster: Cluster) -> None:
    async with (
        cluster.replica() as here,
        cluster.replica() as there,
        running(cluster, here.hosted.target) as near,
        running(cluster, there.hosted.target) as far,
    ):
        tenant = await here.tenant()
        credential = key(tenant.api_key)
        await until(lambda: near.lease_state == far.lease_state == "held")
        for each in (near, far):
            await each.authenticate(credential)
        revoked = await revoke(there, tenant.id, tenant.key_id)
        assert [each.cached(credential, time.time()) for each in (near, far)] == [None, None]
    assert revoked.in_force
    assert len(revoked.acknowledged) == 2


async def test_many_requests_for_one_key_make_one_look_up(cluster: Cluster) -> None:
    async with cluster.replica() as replica, running(cluster, replica.hosted.target) as authenticator:
        tenant = await replica.tenant()
        keys = [key((await replica.create_key(tenant.id, f"key {n}")).secret) for n in range(20)]
        await until(lambda: authenticator.lease_state == "held")
        async with asyncio.TaskGroup() as tasks:
            asked = [tasks.create_task(authenticator.authenticate(each)) for each in keys * 10]
        proven = {found.credential_id for task in asked if isinstance(found := task.result(), Principal)}
        assert authenticator.cached_principals == 20
    assert len(proven) == 20


async def test_a_key_is_unproven_until_it_has_proved_somebody_and_again_when_it_is_revoked(cluster: Cluster) -> None:
    async with cluster.replica() as replica, running(cluster, replica.hosted.target) as authenticator:
        tenant = await replica.tenant()
        credential = key((await replica.create_key(tenant.id, "robot", consumer="acme")).secret)
        await until(lambda: authenticator.lease_state == "held")
        assert authenticator.unproven(credential)
        first = await authenticator.authenticate(credential)
        assert isinstance(first, Principal)
        assert not authenticator.unproven(credential)
        await revoke(replica, tenant.id, first.credential_id)
        await authenticator.authenticate(credential)
        assert authenticator.unproven(credential)
        assert not authenticator.unproven(key("psk_live_nonsense"))  # is refused without a look-up


@pytest.mark.parametrize("value", [b"", b"psk_live_nonsense", b"psa_Token001_x", b"x" * 9000])
async def test_what_is_no_key_is_refused_without_asking(cluster: Cluster, value: bytes) -> None:
    async with running(cluster, "unix:/nowhere.sock") as authenticator:
        assert authenticator.cached(key(value), time.time()) == KEY_INVALID
        assert await authenticator.authenticate(key(value)) == KEY_INVALID
        assert authenticator.misses == 0


async def test_an_admin_token_is_no_bearer_token(cluster: Cluster) -> None:
    async with cluster.replica() as replica, running(cluster, replica.hosted.target) as authenticator:
        tokens = [Credential(CredentialKind.TOKEN, value, DEFAULT_TENANT) for value in (b"psa_Token001_x", b"a.b.c")]
        found = [await authenticator.authenticate(each) for each in tokens]
    assert found == [KEY_INVALID, Rejection(reasons.ERROR_REASON_TOKEN_INVALID)]


async def test_while_authsvc_is_away_the_cache_serves_and_strangers_wait(cluster: Cluster) -> None:
    steady = Clock()
    async with cluster.replica() as replica:
        target = replica.hosted.target
        tenant = await replica.tenant()
        known, unknown = key(tenant.api_key), key((await replica.create_key(tenant.id, "other")).secret)
        authenticators = running(cluster, target, steady=steady)
        authenticator = await authenticators.__aenter__()
        await until(lambda: authenticator.lease_state == "held")
        principal = await authenticator.authenticate(known)
    try:
        steady.added = 31.0
        with pytest.raises(AuthUnavailable):
            await authenticator.authenticate(unknown)
        assert await authenticator.authenticate(known) is principal
        assert authenticator.cached(known, time.time()) is principal
        assert authenticator.stale >= 2
        with pytest.raises(AuthUnavailable):
            await authenticator.authenticate(known, fresh=True)
        steady.added = 31.0 + 900.0
        with pytest.raises(AuthUnavailable):
            await authenticator.authenticate(known)
    finally:
        await authenticators.__aexit__(None, None, None)


async def test_strict_serves_nothing_once_the_lease_is_out(cluster: Cluster) -> None:
    steady = Clock()
    async with cluster.replica() as replica:
        tenant = await replica.tenant()
        authenticators = running(cluster, replica.hosted.target, steady=steady, max_stale=0.0)
        authenticator = await authenticators.__aenter__()
        await until(lambda: authenticator.lease_state == "held")
        await authenticator.authenticate(key(tenant.api_key))
    try:
        assert isinstance(authenticator.cached(key(tenant.api_key), time.time()), Principal)
        steady.added = 31.0
        with pytest.raises(AuthUnavailable):
            await authenticator.authenticate(key(tenant.api_key))
    finally:
        await authenticators.__aexit__(None, None, None)


async def test_a_wall_clock_that_is_set_back_lengthens_no_lease(cluster: Cluster) -> None:
    wall, steady = Clock(time.time), Clock()
    async with (
        cluster.replica() as replica,
        running(cluster, replica.hosted.target, clock=wall, steady=steady) as authenticator,
    ):
        credential = key((await replica.tenant()).api_key)
        await until(lambda: authenticator.lease_state == "held")
        await authenticator.authenticate(credential)
        wall.added, steady.added = -3600.0, 31.0
        assert authenticator.lease_state == "out"
        assert authenticator.cached(credential, wall()) is None


async def test_a_key_expires_by_the_wall_clock_though_the_lease_is_held(cluster: Cluster) -> None:
    async with cluster.replica() as replica, running(cluster, replica.hosted.target) as authenticator:
        tenant = await replica.tenant()
        ends = Timestamp(seconds=int(time.time()) + 600)
        credential = key((await replica.create_key(tenant.id, expire_time=ends)).secret)
        await until(lambda: authenticator.lease_state == "held")
        await authenticator.authenticate(credential)
        assert authenticator.cached(credential, ends.seconds - 0.1) is not None
        assert authenticator.cached(credential, ends.seconds) is None


async def test_a_worker_that_missed_a_revocation_learns_of_it_on_return(cluster: Cluster) -> None:
    """The worker's authsvc goes away; the key is revoked at another; the worker's comes back at the same address."""
    async with cluster.replica() as elsewhere:
        path = cluster.host.socket_dir / f"{secrets.token_hex(4)}.sock"
        async with cluster.replica() as first:
            tenant = await first.tenant()
            credential = key(tenant.api_key)
            path.symlink_to(first.hosted.target.removeprefix("unix:"))
            authenticators = running(cluster, f"unix:{path}")
            authenticator = await authenticators.__aenter__()
            await until(lambda: authenticator.lease_state == "held")
            await authenticator.authenticate(credential)
        try:
            revoked = await revoke(elsewhere, tenant.id, tenant.key_id)
            assert not revoked.in_force
            assert len(revoked.pending) == 1
            latest = revoked.effective_time.ToDatetime().timestamp() - revoked.key.revoke_time.ToDatetime().timestamp()
            # the lease, and as long again as it serves callers that it knows without one
            assert 929.0 <= latest <= 931.0
            await until(lambda: not authenticator.connected)
            path.unlink()
            async with cluster.replica() as second:
                path.symlink_to(second.hosted.target.removeprefix("unix:"))

                await until(lambda: authenticator.connected)
                assert await authenticator.authenticate(credential) == KEY_INVALID
                again = await revoke(second, tenant.id, tenant.key_id)
                assert again.in_force
        finally:
            await authenticators.__aexit__(None, None, None)


async def test_a_purged_tenant_is_gone_from_the_cache(cluster: Cluster) -> None:
    async with cluster.replica() as replica, running(cluster, replica.hosted.target) as authenticator:
        tenant = await replica.tenant()
        credential = key(tenant.api_key)
        await until(lambda: authenticator.lease_state == "held")
        await authenticator.authenticate(credential)
        await replica.provisioning.PurgeTenant(provisioning.PurgeTenantRequest(tenant_id=tenant.id))
        await until(lambda: authenticator.cached(credential, time.time()) is None)
        assert await authenticator.authenticate(credential) == KEY_INVALID


async def test_a_rotated_key_serves_to_the_end_of_its_grace_only(cluster: Cluster) -> None:
    async with cluster.replica() as replica, running(cluster, replica.hosted.target) as authenticator:
        tenant = await replica.tenant()
        credential = key(tenant.api_key)
        await until(lambda: authenticator.lease_state == "held")
        before = await authenticator.authenticate(credential)
        request = pb.RotateApiKeyRequest(tenant_id=tenant.id, key_id=tenant.key_id)
        request.grace.seconds = 60
        await replica.keys.RotateApiKey(request)
        await until(lambda: authenticator.cached(credential, time.time()) is None)
        after = await authenticator.authenticate(credential)
    assert isinstance(before, Principal)
    assert isinstance(after, Principal)
    assert before.expires_at == float("inf")
    assert 50.0 < after.expires_at - time.time() <= 60.0
