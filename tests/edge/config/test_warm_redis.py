"""The warm copy in a real Redis: newer wins whoever writes, and nothing but our own is read."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from domain.tenants import DEFAULT_TENANT, TenantId
from edge.config.ledger import Copy
from edge.config.seal import Seal
from edge.config.warm_copy import WarmCopy
from edge.config.warm_redis import WarmRedis

from .documents import ACME, BETA, snapshot, tombstone

SEAL = Seal(b"k" * 32)


@pytest.fixture
async def client(valkey: str) -> AsyncIterator["Redis"]:
    async with Redis.from_url(valkey) as client:
        yield client


def copy(tenant: TenantId, revision: int, hosts: tuple[str, ...] = ()) -> Copy:
    return Copy(tenant, revision, snapshot(tenant, revision, hosts=hosts).SerializeToString())


def warm(client: "Redis", scope: str = "default", seal: Seal = SEAL) -> WarmRedis:
    return WarmRedis(client, scope, seal)


async def save(client: "Redis", head: int, *copies: Copy) -> None:
    """As a process does that has never written before."""
    await warm(client).save(head, copies, copies)


async def test_what_was_saved_is_loaded_from_a_hash_named_by_scope(client: "Redis") -> None:
    buried = Copy(BETA, 4, tombstone(BETA, 4).SerializeToString())
    assert await warm(client).load() is None
    await save(client, 4, copy(DEFAULT_TENANT, 3), buried)
    loaded = await warm(client).load()
    assert loaded is not None
    assert loaded.head == 4
    assert set(loaded.copies) == {copy(DEFAULT_TENANT, 3), buried}
    assert await client.keys() == [b"cfg:default"]


async def test_an_older_state_never_replaces_a_newer_one(client: "Redis") -> None:
    await save(client, 9, copy(ACME, 9), copy(BETA, 2))
    await save(client, 7, copy(ACME, 7), copy(BETA, 5))
    loaded = await warm(client).load()
    assert loaded is not None
    assert (loaded.head, set(loaded.copies)) == (9, {copy(ACME, 9), copy(BETA, 5)})


async def test_only_what_changed_is_written_while_the_hash_is_whole(client: "Redis") -> None:
    writer = warm(client)
    await writer.save(2, [], [copy(ACME, 1), copy(BETA, 2)])
    await writer.save(3, [copy(ACME, 3)], [])
    loaded = await warm(client).load()
    assert loaded is not None
    assert (loaded.head, set(loaded.copies)) == (3, {copy(ACME, 3), copy(BETA, 2)})


async def test_after_a_flush_everything_is_written_again(client: "Redis") -> None:
    writer = warm(client)
    await writer.save(2, [], [copy(ACME, 1), copy(BETA, 2)])
    await client.flushall()
    await writer.save(3, [copy(ACME, 3)], [copy(ACME, 3), copy(BETA, 2)])
    loaded = await warm(client).load()
    assert loaded is not None
    assert (loaded.head, set(loaded.copies)) == (3, {copy(ACME, 3), copy(BETA, 2)})


async def test_a_large_copy_is_written_in_portions_and_the_head_last(client: "Redis") -> None:
    hosts = tuple(f"{number}.{'x' * 60}.test" for number in range(100))
    tenants = [TenantId(f"01900000-0000-7000-8000-{number:012x}") for number in range(150)]
    await save(client, 150, *(copy(tenant, number, hosts) for number, tenant in enumerate(tenants, 1)))
    loaded = await warm(client).load()
    assert loaded is not None
    assert (loaded.head, len(loaded.copies)) == (150, 150)


@pytest.mark.parametrize("forgery", ["changed", "moved", "of another cluster", "of another scope", "garbage"])
async def test_a_field_that_is_not_ours_is_left_out_and_the_rest_not_taken_for_whole(
    client: "Redis", forgery: str
) -> None:
    await save(client, 4, copy(DEFAULT_TENANT, 3), copy(ACME, 4))
    value = await client.hget("cfg:default", ACME)
    assert isinstance(value, bytes)
    if forgery == "changed":
        await client.hset("cfg:default", ACME, value.replace(b"9001", b"9002"))
    elif forgery == "moved":
        await client.hset("cfg:default", BETA, value)
    elif forgery == "garbage":
        await client.hset("cfg:default", BETA, b"\xff")
    else:
        other = warm(client, "other", Seal(b"x" * 32) if forgery == "of another cluster" else SEAL)
        await other.save(9, [], [copy(BETA, 9)])
        value = await client.hget("cfg:other", BETA)
        assert isinstance(value, bytes)
        await client.hset("cfg:default", BETA, value)
    expected = {copy(DEFAULT_TENANT, 3)} | ({copy(ACME, 4)} if forgery != "changed" else set())
    loaded = await warm(client).load()
    assert loaded is not None
    assert (loaded.head, set(loaded.copies)) == (0, expected)


async def test_a_hash_without_its_head_is_not_taken_for_whole(client: "Redis") -> None:
    await save(client, 4, copy(DEFAULT_TENANT, 3))
    await client.hdel("cfg:default", "head")
    assert await warm(client).load() == WarmCopy(0, (copy(DEFAULT_TENANT, 3),))
