"""What configsvc streams, as a service reads along that acknowledges nothing."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from penstock.config.v1 import config_service_pb2 as pb
from penstock.config.v1 import tenant_pb2

from svckit.config_watch import ConfigWatch
from svckit.switchboard import Mount
from tests.support.configsvc import METHODS, FakeConfig, add_watch
from tests.support.services import ServiceHost

DEADLINE_SECONDS = 20


@dataclass
class Slugs:
    """A reader that keeps the tenants' slugs."""

    known: dict[str, str] = field(default_factory=dict)

    def put(self, snapshot: pb.TenantSnapshot) -> None:
        self.known[snapshot.tenant.id] = snapshot.tenant.slug

    def drop(self, tenant_id: str) -> None:
        self.known.pop(tenant_id, None)


@dataclass(frozen=True, slots=True)
class Watching:
    """A watch under way, with both of its ends."""

    watch: ConfigWatch
    reader: Slugs
    config: FakeConfig

    async def asked(self) -> pb.WatchConfigRequest:
        """The request of the next watch."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await self.config.requests.get()


@pytest.fixture
async def watching(service_host: ServiceHost) -> AsyncIterator[Watching]:
    config, reader = FakeConfig(), Slugs()
    hosted = await service_host.serve("configsvc", METHODS, [Mount(add_watch, config)])
    watch = ConfigWatch(await hosted.channel("authsvc"), "authsvc", reader, unit=lambda: 0.0)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(watch.run())
        yield Watching(watch, reader, config)
        running.cancel()


def tenant(slug: str, revision: int) -> pb.TenantSnapshot:
    return pb.TenantSnapshot(revision=revision, tenant=tenant_pb2.Tenant(id=f"id of {slug}", slug=slug))


async def test_the_reader_has_all_there_is_at_the_first_sync(watching: Watching) -> None:
    watching.config.tell(tenant("acme", 1), tenant("bolt", 2), pb.SyncComplete(revision=2))
    async with asyncio.timeout(DEADLINE_SECONDS):
        await watching.watch.synced.wait()
    assert watching.reader.known == {"id of acme": "acme", "id of bolt": "bolt"}


async def test_a_watch_that_ends_is_taken_up_where_it_was(watching: Watching) -> None:
    watching.config.tell(tenant("acme", 4), pb.SyncComplete(revision=6), None)
    first, second = await watching.asked(), await watching.asked()
    watching.config.tell(tenant("bolt", 7), pb.TenantTombstone(revision=8, tenant_id="id of acme"), None)
    third = await watching.asked()
    assert (first.scope, first.resume_from, second.resume_from, third.resume_from) == ("default", 0, 6, 8)
    assert watching.reader.known == {"id of bolt": "bolt"}


async def test_what_came_before_a_first_sync_that_never_came_is_asked_for_again(watching: Watching) -> None:
    watching.config.tell(pb.TenantTombstone(revision=9, tenant_id="gone"), tenant("acme", 4), None)
    await watching.asked()
    assert (await watching.asked()).resume_from == 0
