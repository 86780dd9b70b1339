"""The tenants, by a watch on a configsvc that is played, from when somebody asks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from penstock.config.v1 import config_service_pb2 as pb
from penstock.errors.v1 import error_reason_pb2 as reasons

from authsvc.authorization.feed import TenantFeed
from svckit.errors import Fault
from svckit.switchboard import Mount
from tests.support.configsvc import METHODS, FakeConfig, add_watch
from tests.support.services import ServiceHost

from .places import ACME, snapshot

DEADLINE_SECONDS = 20


@asynccontextmanager
async def feeding(host: ServiceHost, config: FakeConfig, patience_seconds: float) -> AsyncIterator[TenantFeed]:
    hosted = await host.serve("configsvc", METHODS, [Mount(add_watch, config)])
    channel = await hosted.channel("authsvc")
    feed = TenantFeed(channel, unit=lambda: 0.0, patience_seconds=patience_seconds)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(feed.run())
        yield feed
        running.cancel()


async def test_the_first_to_ask_wait_for_the_tenants(service_host: ServiceHost) -> None:
    config = FakeConfig()
    async with feeding(service_host, config, DEADLINE_SECONDS) as feed, asyncio.TaskGroup() as tasks:
        asking = [tasks.create_task(feed.known()) for _ in range(2)]
        await config.requests.get()
        config.tell(snapshot("acme", ACME, "acmeacme"), pb.SyncComplete(revision=1))
        assert [(await each).by_slug["acme"].id for each in asking] == [ACME, ACME]


async def test_they_do_not_wait_for_ever(service_host: ServiceHost) -> None:
    config = FakeConfig()
    async with feeding(service_host, config, 0.01) as feed:
        with pytest.raises(Fault) as refused:
            await feed.known()
        assert refused.value.reason == reasons.ERROR_REASON_NOT_READY


async def test_nobody_is_watched_before_somebody_asks(service_host: ServiceHost) -> None:
    config = FakeConfig()
    async with feeding(service_host, config, DEADLINE_SECONDS) as feed:
        for _ in range(20):
            await asyncio.sleep(0)
        assert config.requests.empty()
        feed.want()
        async with asyncio.timeout(DEADLINE_SECONDS):
            await config.requests.get()
