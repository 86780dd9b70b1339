"""Starts and restarts: of configsvc under a running feed, and of the worker while configsvc is dead."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from penstock.config.v1 import config_service_pb2 as pb
from penstock.config.v1.config_service_pb2_grpc import ConfigServiceStub
from redis.asyncio import Redis

from domain.tenants import DEFAULT_TENANT, TenantId
from edge.config.feed import ConfigFeed, FeedState
from edge.config.ledger import Copy
from edge.config.seal import Seal
from edge.config.warm import WarmCopies
from edge.config.warm_disk import WarmDisk
from edge.config.warm_redis import WarmRedis
from edge.instance import load_instance
from tests.configsvc.process import ConfigProcess

from .documents import ACME, BETA, SALES, snapshot, tombstone

SEAL = Seal(b"k" * 32)
OTHER = SALES.replace("/api/v1/sales", "/other")
DOCUMENT = """
services: [{name: sales, targets: [{url: "http://127.0.0.1:9001"}]}]
routes: [{name: sales, prefix: /sales, service: sales}]
"""


@pytest.fixture
def configsvc(tmp_path: Path, short_dir: Path, database_url: str) -> ConfigProcess:
    return ConfigProcess.prepare(tmp_path, short_dir, database_url)


@pytest.fixture
def nobody(tmp_path: Path, short_dir: Path) -> ConfigProcess:
    """A configsvc that never starts."""
    return ConfigProcess.prepare(tmp_path, short_dir, "")


@pytest.fixture
async def redis(valkey: str) -> AsyncIterator["Redis"]:
    async with Redis.from_url(valkey) as client:
        yield client


@asynccontextmanager
async def worker(configsvc: ConfigProcess, data_dir: Path, redis: "Redis | None" = None) -> AsyncIterator[ConfigFeed]:
    """A feed as a worker process has it, from its start to its sudden end."""
    warm = WarmCopies(
        WarmDisk(data_dir, "default", SEAL), WarmRedis(redis, "default", SEAL) if redis is not None else None
    )
    async with configsvc.channel("edge") as channel:
        feed = ConfigFeed(channel, load_instance(data_dir, 0), "default", {}, warm, unit=lambda: 0.0)
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(feed.run())
            yield feed
            task.cancel()


async def until(holds: Callable[[], bool]) -> None:
    """Returns when the condition holds; fails after twenty seconds."""
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0.005)


async def publish(configsvc: ConfigProcess, document: str) -> pb.PublishConfigResponse:
    async with configsvc.channel("admin") as channel:
        request = pb.PublishConfigRequest(tenant_id=DEFAULT_TENANT, document=document)
        answer: pb.PublishConfigResponse = await ConfigServiceStub(channel).PublishConfig(request)
        return answer


def prefixes(feed: ConfigFeed, tenant: TenantId = DEFAULT_TENANT) -> list[str]:
    return [route.prefix for route in feed.snapshot.tenants[tenant].rules.router.routes]


async def test_a_feed_serves_on_while_configsvc_is_killed_and_goes_on_when_it_is_back(
    configsvc: ConfigProcess, tmp_path: Path
) -> None:
    async with worker(configsvc, tmp_path) as feed:
        async with configsvc.running():
            await until(lambda: feed.state is FeedState.CURRENT)
            await publish(configsvc, DOCUMENT)
            await until(lambda: prefixes(feed) == ["/sales"])
        await until(lambda: feed.state is FeedState.AWAY)
        assert prefixes(feed) == ["/sales"]
        async with configsvc.running():
            await until(lambda: feed.state is FeedState.CURRENT)
            await publish(configsvc, "")
            await until(lambda: prefixes(feed) == [])


async def test_a_worker_that_is_started_while_configsvc_is_dead_serves_from_disk(
    configsvc: ConfigProcess, tmp_path: Path
) -> None:
    async with configsvc.running(), worker(configsvc, tmp_path) as feed:
        await until(lambda: feed.state is FeedState.CURRENT)
        published = await publish(configsvc, DOCUMENT)
        await until(lambda: saved(tmp_path) >= published.revision)
    async with worker(configsvc, tmp_path) as feed:
        await until(lambda: feed.ready)
        assert prefixes(feed) == ["/sales"]
        assert feed.revision == published.revision


def saved(folder: Path) -> int:
    copy = WarmDisk(folder, "default", SEAL).load()
    return copy.head if copy else 0


async def test_a_change_reaches_redis_and_a_worker_on_another_host_starts_from_it(
    configsvc: ConfigProcess, tmp_path: Path, redis: "Redis"
) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    async with configsvc.running(), worker(configsvc, tmp_path / "one", redis) as feed:
        await until(lambda: feed.state is FeedState.CURRENT)
        published = await publish(configsvc, DOCUMENT)
        async with asyncio.timeout(20):
            while await head_in(redis) < published.revision:  # noqa: ASYNC110 (nobody tells)
                await asyncio.sleep(0.005)
    async with worker(configsvc, tmp_path / "two", redis) as feed:
        await until(lambda: feed.ready)
        assert prefixes(feed) == ["/sales"]


async def head_in(redis: "Redis") -> int:
    copy = await WarmRedis(redis, "default", SEAL).load()
    return copy.head if copy else 0


def copies(*events: pb.WatchConfigResponse) -> list[Copy]:
    found = []
    for event in events:
        change = event.tombstone if event.HasField("tombstone") else event.snapshot
        tenant = event.tombstone.tenant_id or event.snapshot.tenant.id
        found.append(Copy(TenantId(tenant), change.revision, event.SerializeToString()))
    return found


@pytest.mark.parametrize("newer", ["disk", "redis"])
async def test_of_two_copies_the_older_never_wins(
    nobody: ConfigProcess, tmp_path: Path, redis: "Redis", newer: str
) -> None:
    old = copies(snapshot(DEFAULT_TENANT, 1), snapshot(ACME, 2), snapshot(BETA, 3))
    new = copies(snapshot(DEFAULT_TENANT, 5, OTHER), tombstone(ACME, 6))
    on_disk, in_redis = (new, old) if newer == "disk" else (old, new)
    WarmDisk(tmp_path, "default", SEAL).save(6 if newer == "disk" else 3, on_disk)
    await WarmRedis(redis, "default", SEAL).save(3 if newer == "disk" else 6, [], in_redis)
    async with worker(nobody, tmp_path, redis) as feed:
        await until(lambda: feed.ready)
        assert prefixes(feed) == ["/other"]
        assert set(feed.snapshot.tenants) == {DEFAULT_TENANT, BETA}
        assert feed.revision == 6


async def test_a_corrupt_copy_is_passed_over(nobody: ConfigProcess, tmp_path: Path, redis: "Redis") -> None:
    (tmp_path / "config.bin").write_bytes(b"PSCF\x01" + b"\x00" * 100)
    await WarmRedis(redis, "default", SEAL).save(1, [], copies(snapshot(DEFAULT_TENANT, 1)))
    async with worker(nobody, tmp_path, redis) as feed:
        await until(lambda: feed.ready)
        assert prefixes(feed) == ["/api/v1/sales"]


async def test_with_neither_copy_nor_configsvc_a_worker_is_not_ready(nobody: ConfigProcess, tmp_path: Path) -> None:
    async with worker(nobody, tmp_path) as feed:
        await until(lambda: feed.state is FeedState.AWAY)
        assert not feed.ready
        assert feed.snapshot.default is None


async def test_redis_out_of_reach_does_not_keep_a_worker_from_starting(nobody: ConfigProcess, tmp_path: Path) -> None:
    WarmDisk(tmp_path, "default", SEAL).save(1, copies(snapshot(DEFAULT_TENANT, 1)))
    async with Redis.from_url(f"unix://{tmp_path}/nobody") as away, worker(nobody, tmp_path, away) as feed:
        await until(lambda: feed.ready)
        assert prefixes(feed) == ["/api/v1/sales"]
