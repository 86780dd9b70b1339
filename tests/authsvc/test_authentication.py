"""Answers from memory are as fresh as the store's, and need one query for whatever they are about."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg
import pytest
from penstock.auth.v1.api_key_service_pb2 import RevokeApiKeyRequest, RotateApiKeyRequest
from penstock.auth.v1.provisioning_service_pb2 import PurgeTenantRequest
from penstock.errors.v1 import error_reason_pb2 as reasons
from prometheus_client import CollectorRegistry

from authsvc.authentication import Authentication
from authsvc.lookup import Found, Lookup, Presented
from authsvc.memory import Memory
from authsvc.peppers import load_peppers
from svckit.encryption import Keyring
from tests.authsvc.replica import Cluster, Replica, Tenant

DEADLINE_SECONDS = 30.0


async def _at_once() -> None:
    """Holds nothing up."""


@dataclass
class Watched:
    """The pool and the look-up of an authentication: counted, and held up where a test wants it."""

    pool: Any
    lookup: Lookup
    looked_up: int = 0
    after_read: Callable[[], Awaitable[None]] = _at_once
    after_look: Callable[[], Awaitable[None]] = _at_once
    queries: list[str] = field(default_factory=list)

    async def authenticate(self, batch: Sequence[Presented]) -> Found:
        """Looks up, then waits as the test says."""
        self.looked_up += len(batch)
        found = await self.lookup.authenticate(batch)
        await self.after_look()
        return found

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator["Watched"]:
        """This is the connection, too."""
        yield self

    async def fetch(self, query: str, *arguments: object) -> Any:
        """Reads, then waits as the test says."""
        self.queries.append(query)
        async with self.pool.acquire() as connection:
            rows = await connection.fetch(query, *arguments)
        await self.after_read()
        return rows


@dataclass(frozen=True, slots=True)
class Asked:
    """An authentication over the store of a cluster, with a replica of the same cluster."""

    replica: Replica
    watched: Watched
    authentication: Authentication
    registry: CollectorRegistry
    used: list[tuple[str, datetime]]

    async def prove(self, *keys: str) -> list[bool]:
        """Whether each key proves somebody."""
        answers = await self.authentication.authenticate([Presented(each.encode(), True) for each in keys])
        return [answer.HasField("principal") for answer in answers]

    async def revoke(self, tenant: Tenant) -> None:
        """Revokes the tenant's first key."""
        await self.replica.keys.RevokeApiKey(RevokeApiKeyRequest(tenant_id=tenant.id, key_id=tenant.key_id))


@pytest.fixture
async def asked(cluster: Cluster) -> AsyncIterator[Asked]:
    async with AsyncExitStack() as stack:
        replica = await stack.enter_async_context(cluster.replica())
        pool: Any = await stack.enter_async_context(asyncpg.create_pool(cluster.url, min_size=1, max_size=8))
        async with pool.acquire() as connection:
            peppers = await load_peppers(connection, Keyring.load(cluster.kek_file))
        watched, registry, used = (
            Watched(pool, Lookup(pool, peppers)),
            CollectorRegistry(),
            list[tuple[str, datetime]](),
        )
        authentication = Authentication(watched, watched, Memory(), registry, used=used.extend)
        yield Asked(replica, watched, authentication, registry, used)


async def test_keys_of_many_tenants_that_are_known_take_one_query(asked: Asked) -> None:
    tenants = [await asked.replica.tenant() for _ in range(12)]
    keys = [tenant.api_key for tenant in tenants]
    assert all(await asked.prove(*keys))
    assert (asked.watched.looked_up, asked.watched.queries) == (12, [])
    assert all(await asked.prove(*keys))
    assert (asked.watched.looked_up, len(asked.watched.queries)) == (12, 1)
    counted = {
        source: asked.registry.get_sample_value("auth_credentials_total", {"source": source})
        for source in ("memory", "store")
    }
    assert counted == {"memory": 12, "store": 12}


async def test_an_answer_from_memory_is_the_answer_of_the_store(asked: Asked) -> None:
    tenant = await asked.replica.tenant()
    first, second = [
        (await asked.authentication.authenticate([Presented(tenant.api_key.encode(), True)]))[0] for _ in range(2)
    ]
    assert first == second
    assert asked.watched.looked_up == 1


async def test_each_use_of_a_key_is_told_and_no_refusal(asked: Asked) -> None:
    tenant, revoked = await asked.replica.tenant(), await asked.replica.tenant()
    await asked.revoke(revoked)
    for _ in range(2):  # from the store, from memory
        await asked.prove(tenant.api_key, revoked.api_key)
    first, second = asked.used
    assert first[0] == second[0] == tenant.key_id
    assert first[1] < second[1]


async def test_what_proves_nobody_is_looked_up_each_time(asked: Asked) -> None:
    tenant = await asked.replica.tenant()
    await asked.prove(tenant.api_key)
    await asked.revoke(tenant)
    before = asked.watched.looked_up
    assert await asked.prove(tenant.api_key) == [False]
    assert await asked.prove(tenant.api_key) == [False]
    assert asked.watched.looked_up == before + 2


async def test_a_batch_is_answered_in_order_whatever_is_known_of_it(asked: Asked) -> None:
    known, unknown = await asked.replica.tenant(), await asked.replica.tenant()
    await asked.prove(known.api_key)
    batch = [
        Presented(b"a.b.c", False),
        Presented(known.api_key.encode(), True),
        Presented(b"psk_live_nonsense", True),
        Presented(unknown.api_key.encode(), True),
        Presented(known.api_key.encode(), True),
    ]
    answers = await asked.authentication.authenticate(batch)
    assert [answer.principal.tenant_id for answer in answers] == ["", known.id, "", unknown.id, known.id]
    assert answers[0].rejection.reason == reasons.ERROR_REASON_TOKEN_INVALID
    assert answers[2].rejection.reason == reasons.ERROR_REASON_KEY_INVALID


async def test_a_key_that_another_replica_ended_proves_nobody(asked: Asked, cluster: Cluster) -> None:
    async with cluster.replica() as other:
        revoked, rotated, purged = [await asked.replica.tenant() for _ in range(3)]
        keys = [tenant.api_key for tenant in (revoked, rotated, purged)]
        for replica in (asked.replica, other):
            assert [(await replica.authenticate(key)).HasField("principal") for key in keys] == [True] * 3
        await asked.revoke(revoked)
        await asked.replica.keys.RotateApiKey(RotateApiKeyRequest(tenant_id=rotated.id, key_id=rotated.key_id))
        await asked.replica.provisioning.PurgeTenant(PurgeTenantRequest(tenant_id=purged.id))
        for replica in (asked.replica, other):
            assert [(await replica.authenticate(key)).HasField("principal") for key in keys] == [False] * 3


async def test_a_look_up_that_a_revocation_overtakes_is_not_remembered(asked: Asked) -> None:
    tenant, other = await asked.replica.tenant(), await asked.replica.tenant()
    read, go_on = asyncio.Event(), asyncio.Event()

    async def held() -> None:
        read.set()
        await go_on.wait()

    await asked.prove(other.api_key)
    asked.watched.after_look = held
    async with asyncio.timeout(DEADLINE_SECONDS), asyncio.TaskGroup() as tasks:
        early = tasks.create_task(asked.prove(tenant.api_key))
        await read.wait()
        asked.watched.after_look = _at_once
        await asked.revoke(tenant)
        await asked.prove(other.api_key)  # has the memory follow the log
        go_on.set()
        assert await early == [True]  # it began before the revocation
    assert await asked.prove(tenant.api_key) == [False]


async def test_nobody_shares_a_read_of_the_log_that_began_before_they_asked(asked: Asked) -> None:
    tenant = await asked.replica.tenant()
    await asked.prove(tenant.api_key)
    read, go_on = asyncio.Event(), asyncio.Event()

    async def held() -> None:
        read.set()
        await go_on.wait()

    asked.watched.after_read = held
    async with asyncio.timeout(DEADLINE_SECONDS), asyncio.TaskGroup() as tasks:
        early = tasks.create_task(asked.prove(tenant.api_key))
        await read.wait()
        await asked.revoke(tenant)
        late = [tasks.create_task(asked.prove(tenant.api_key)) for _ in range(3)]
        await asyncio.sleep(0)
        go_on.set()
        assert await early == [True]
        assert [await each for each in late] == [[False]] * 3
    assert len(asked.watched.queries) == 2  # those three shared one


async def test_a_read_of_the_log_that_fails_is_made_again(asked: Asked) -> None:
    tenant = await asked.replica.tenant()
    await asked.prove(tenant.api_key)

    async def broken() -> None:
        raise ConnectionResetError

    asked.watched.after_read = broken
    with pytest.raises(ConnectionResetError):
        await asked.prove(tenant.api_key)
    asked.watched.after_read = _at_once
    assert await asked.prove(tenant.api_key) == [True]


async def test_nobody_is_admitted_once_a_revocation_has_returned(cluster: Cluster) -> None:
    """Two replicas that remember, asked all the time, while key after key is revoked."""
    async with cluster.replica() as one, cluster.replica() as other:
        tenant = await one.tenant()
        keys = [await one.create_key(tenant.id, f"robot {number}") for number in range(30)]
        revoked: set[str] = set()
        wrong: list[str] = []

        async def asking(replica: Replica) -> None:
            while len(revoked) < len(keys):
                for key in keys:
                    before = key.key.id in revoked
                    answer = await replica.authenticate(key.secret)
                    if before and answer.HasField("principal"):
                        wrong.append(key.key.id)

        async with asyncio.timeout(DEADLINE_SECONDS), asyncio.TaskGroup() as tasks:
            for replica in (one, other):
                tasks.create_task(asking(replica))
            for key in keys:
                await one.keys.RevokeApiKey(RevokeApiKeyRequest(tenant_id=tenant.id, key_id=key.key.id))
                revoked.add(key.key.id)
        assert wrong == []
