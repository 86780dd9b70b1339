"""The last use of keys: the newest one of all that were told is shown, and telling costs no request anything."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from penstock.auth.v1 import api_key_service_pb2 as pb
from penstock.auth.v1.auth_service_pb2 import KeyUse, ReportKeyUsesRequest
from penstock.auth.v1.provisioning_service_pb2 import PurgeTenantRequest

from authsvc.key_uses import CAPACITY, KeyUses
from tests.authsvc.replica import Cluster, Replica, Tenant

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)


def stamp(moment: datetime) -> Timestamp:
    return Timestamp(seconds=int(moment.timestamp()))


async def last_use(replica: Replica, tenant: Tenant) -> datetime | None:
    """When the tenant's first key was used last, as the service shows it."""
    key = (await replica.keys.GetApiKey(pb.GetApiKeyRequest(tenant_id=tenant.id, key_id=tenant.key_id))).key
    listed = (await replica.keys.ListApiKeys(pb.ListApiKeysRequest(tenant_id=tenant.id))).keys
    assert list(listed) == [key]
    return key.last_use_time.ToDatetime(UTC) if key.HasField("last_use_time") else None


async def test_a_replica_that_ends_in_order_has_stored_what_it_was_told(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        used, direct, never = [await replica.tenant() for _ in range(3)]
        told = [KeyUse(key_id=used.key_id, last_use_time=stamp(NOW)), KeyUse(key_id="AbsentId")]
        await replica.auth.ReportKeyUses(ReportKeyUsesRequest(uses=told))
        await replica.authenticate(direct.api_key)
        assert await last_use(replica, used) is None  # nothing waits for the store
    async with cluster.replica() as replica:
        assert await last_use(replica, used) == NOW
        assert await last_use(replica, never) is None
        seen = await last_use(replica, direct)
    assert seen is not None
    assert seen >= NOW


async def test_a_refused_key_was_not_used(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        tenant = await replica.tenant()
        named = {"tenant_id": tenant.id, "key_id": tenant.key_id}
        await replica.keys.DisableApiKey(pb.DisableApiKeyRequest(**named))
        await replica.authenticate(tenant.api_key)
    async with cluster.replica() as replica:
        assert await last_use(replica, tenant) is None


@pytest.mark.parametrize("order", [(-2, -1), (-1, -2)], ids=["in order", "late news"])
async def test_the_newest_use_is_kept_whoever_tells_it_last(cluster: Cluster, order: tuple[int, int]) -> None:
    async with cluster.replica() as replica:
        tenant = await replica.tenant()
    for hours in order:
        async with asyncpg.create_pool(cluster.url, min_size=1, max_size=1) as pool:
            uses = KeyUses(pool)
            uses.note([(tenant.key_id, NOW + hours * HOUR)])
            await uses.close()
    async with cluster.replica() as replica:
        assert await last_use(replica, tenant) == NOW - HOUR


async def test_a_time_to_come_counts_as_now(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        tenant = await replica.tenant()
        async with asyncpg.create_pool(cluster.url, min_size=1, max_size=1) as pool:
            uses = KeyUses(pool, lambda: NOW)
            uses.note([(tenant.key_id, NOW + HOUR)])
            await uses.close()
        assert await last_use(replica, tenant) == NOW


async def test_a_tenant_that_is_purged_takes_nothing_from_the_others(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        purged, tenant = await replica.tenant(), await replica.tenant()
        async with asyncpg.create_pool(cluster.url, min_size=1, max_size=1) as pool:
            uses = KeyUses(_PurgedBetween(pool, replica, purged))
            uses.note([(purged.key_id, NOW), (tenant.key_id, NOW)])
            await uses.close()
        assert await last_use(replica, tenant) == NOW


async def test_what_the_store_did_not_take_is_stored_later(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        tenant = await replica.tenant()
        async with asyncpg.create_pool(cluster.url, min_size=1, max_size=1) as pool:
            uses = KeyUses(_AwayAtFirst(pool))
            uses.note([(tenant.key_id, NOW)])
            await uses.close()
            assert await last_use(replica, tenant) is None
            await uses.close()
        assert await last_use(replica, tenant) == NOW


async def test_keys_that_await_the_store_are_bounded(cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        tenant = await replica.tenant()
        async with asyncpg.create_pool(cluster.url, min_size=1, max_size=1) as pool:
            uses = KeyUses(pool)
            uses.note((f"{number:08}", NOW) for number in range(CAPACITY))
            uses.note([(tenant.key_id, NOW)])
            await uses.close()
        assert await last_use(replica, tenant) is None


class _AwayAtFirst:
    """A pool whose server is out of reach, once."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._asked = False

    def acquire(self) -> Any:
        if not self._asked:
            self._asked = True
            raise ConnectionRefusedError
        return self._pool.acquire()


class _PurgedBetween:
    """A pool under which a tenant is purged after its keys were found."""

    def __init__(self, pool: Any, replica: Replica, tenant: Tenant) -> None:
        self._pool, self._replica, self._tenant = pool, replica, tenant

    @asynccontextmanager
    async def acquire(self) -> Any:
        async with self._pool.acquire() as connection:
            yield _Purging(connection, self._replica, self._tenant)


class _Purging:
    def __init__(self, connection: Any, replica: Replica, tenant: Tenant) -> None:
        self._connection, self._replica, self._tenant = connection, replica, tenant
        self.transaction, self.execute = connection.transaction, connection.execute

    async def fetch(self, *query: Any) -> Any:
        found = await self._connection.fetch(*query)
        await self._replica.provisioning.PurgeTenant(PurgeTenantRequest(tenant_id=self._tenant.id))
        return found
