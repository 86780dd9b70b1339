"""A new pepper under replicas that serve: no key is refused meanwhile, and keys in use come under the new one."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
from penstock.auth.v1 import admin_token_service_pb2 as admin_pb
from penstock.auth.v1 import api_key_service_pb2 as pb

from authsvc.key_records import KeyRecord
from authsvc.lookup import Lookup, Presented
from authsvc.peppers import Peppers, add_pepper, load_peppers
from authsvc.rehashing import Rehashing
from domain.tenants import schema_name
from svckit.encryption import Keyring
from tests.authsvc.replica import Cluster, Tenant


@dataclass(frozen=True, slots=True)
class Store:
    """Two keys of a tenant under the first of two peppers."""

    pool: Any
    peppers: Peppers
    tenant: Tenant
    second: str
    second_id: str

    @property
    def used(self) -> str:
        return self.tenant.api_key

    async def authenticates(self, lookup: Lookup, key: str) -> bool:
        found = await lookup.authenticate([Presented(key.encode(), is_api_key=True)])
        return isinstance(found.outcomes[0], KeyRecord)

    async def pepper_ids(self) -> Mapping[str, int]:
        """The pepper of each key, by its id."""
        async with self.pool.acquire() as connection:
            query = f'SELECT key_id, pepper_id FROM "{schema_name(self.tenant.id)}".api_keys'  # noqa: S608
            return {row["key_id"]: row["pepper_id"] for row in await connection.fetch(query)}


@pytest.fixture
async def store(cluster: Cluster) -> AsyncIterator[Store]:
    async with cluster.replica() as replica:
        tenant = await replica.tenant()
        second = await replica.create_key(tenant.id)
    keyring = Keyring.load(cluster.kek_file)
    async with asyncpg.create_pool(cluster.url, min_size=1, max_size=2) as pool:
        async with pool.acquire() as connection:
            assert await add_pepper(connection, keyring) == 2
            peppers = await load_peppers(connection, keyring)
        yield Store(pool, peppers, tenant, second.secret, second.key.id)


async def test_replicas_take_keys_and_tokens_that_another_hashed_under_a_pepper_they_did_not_know(
    cluster: Cluster,
) -> None:
    wish = admin_pb.CreateAdminTokenRequest(name="ops", role=admin_pb.ADMIN_ROLE_OPERATOR)
    async with asyncpg.create_pool(cluster.url, min_size=1, max_size=1) as pool, pool.acquire() as connection:
        keyring = Keyring.load(cluster.kek_file)
        async with cluster.replica() as first, cluster.replica() as second:
            tenant = await first.tenant()
            await add_pepper(connection, keyring)
            async with cluster.replica() as newest:
                created = await newest.create_key(tenant.id)
                token = await newest.admin_tokens.CreateAdminToken(wish)
                assert (await newest.authenticate(tenant.api_key)).HasField("principal")
            assert (await first.authenticate(created.secret)).HasField("principal")
            asked = admin_pb.AuthenticateAdminTokenRequest(secret=token.secret)
            assert (await second.admin_tokens.AuthenticateAdminToken(asked)).token.id == token.token.id


async def test_a_key_in_use_comes_under_the_newest_pepper_and_stays_good(store: Store) -> None:
    rehashing = Rehashing(store.pool, store.peppers)
    lookup = Lookup(store.pool, store.peppers, proven=rehashing.proven)
    assert await store.authenticates(lookup, store.used)
    await rehashing.rehash()
    assert await store.pepper_ids() == {store.tenant.key_id: 2, store.second_id: 1}
    for key in (store.used, store.second):
        assert await store.authenticates(lookup, key)
    assert not await store.authenticates(lookup, store.used.replace("psk_live", "psk_test"))


async def test_what_was_refused_is_not_hashed_anew(store: Store, cluster: Cluster) -> None:
    async with cluster.replica() as replica:
        await replica.keys.DisableApiKey(pb.DisableApiKeyRequest(tenant_id=store.tenant.id, key_id=store.tenant.key_id))
    rehashing = Rehashing(store.pool, store.peppers)
    lookup = Lookup(store.pool, store.peppers, proven=rehashing.proven)
    assert not await store.authenticates(lookup, store.used)
    await rehashing.rehash()
    assert set((await store.pepper_ids()).values()) == {1}


async def test_a_digest_never_goes_back_to_an_older_pepper(store: Store) -> None:
    slow = Rehashing(store.pool, store.peppers)
    lookup = Lookup(store.pool, store.peppers, proven=slow.proven)
    assert await store.authenticates(lookup, store.used)
    async with store.pool.acquire() as connection:
        query = f'UPDATE "{schema_name(store.tenant.id)}".api_keys SET pepper_id = 3 WHERE key_id = $1'  # noqa: S608
        await connection.execute(query, store.tenant.key_id)
    await slow.rehash()
    assert (await store.pepper_ids())[store.tenant.key_id] == 3


async def test_with_the_store_away_keys_wait_for_their_next_look_up(store: Store) -> None:
    class Away:
        def acquire(self) -> Any:
            raise ConnectionRefusedError

    rehashing = Rehashing(Away(), store.peppers)
    lookup = Lookup(store.pool, store.peppers, proven=rehashing.proven)
    assert await store.authenticates(lookup, store.used)
    await rehashing.rehash()
    assert set((await store.pepper_ids()).values()) == {1}
