"""The policies of all tenants, by a watch on a configsvc that is played."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from google.protobuf.message import Message
from penstock.config.v1 import config_service_pb2 as pb
from penstock.errors.v1 import error_reason_pb2 as reasons

from ratelimitsvc.envoy.feed import PolicyFeed
from svckit.errors import Fault
from svckit.switchboard import Mount
from tests.support.configsvc import METHODS, FakeConfig, add_watch
from tests.support.services import ServiceHost

from .configsvc import inheriting, tenant
from .documents import entries, limited

DEADLINE_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Fed:
    """A feed and the configsvc that it watches."""

    feed: PolicyFeed
    config: FakeConfig

    def limit(self, domain: str, key: str = "a=1") -> int | None:
        """The limit of a descriptor in force."""
        policy = self.feed.policies(domain).find(entries(key))
        return policy.units if policy else None

    async def applied(self, *events: Message) -> None:
        """Sends the events and returns when they are in force: the next watch begins behind them."""
        self.config.tell(*events, None)
        async with asyncio.timeout(DEADLINE_SECONDS):
            await self.config.requests.get()


@pytest.fixture
async def fed(service_host: ServiceHost) -> AsyncIterator[Fed]:
    config = FakeConfig()
    hosted = await service_host.serve("configsvc", METHODS, [Mount(add_watch, config)])
    feed = PolicyFeed(await hosted.channel("ratelimitsvc"), unit=lambda: 0.0)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(feed.run())
        yield Fed(feed, config)
        running.cancel()


async def synced(fed: Fed) -> pb.WatchConfigRequest:
    """The request of the first watch, once that has told all."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        await fed.feed.synced.wait()
        return await fed.config.requests.get()


async def test_nothing_is_answered_before_all_is_known(fed: Fed) -> None:
    fed.config.tell(tenant("acme", 1, limited("a")))
    with pytest.raises(Fault) as refused:
        fed.feed.policies("acme")
    assert refused.value.reason == reasons.ERROR_REASON_UNAVAILABLE
    fed.config.tell(pb.SyncComplete(revision=1))
    await synced(fed)
    assert fed.limit("acme") == 5


async def test_a_domain_is_the_slug_of_a_tenant(fed: Fed) -> None:
    fed.config.tell(
        tenant("default", 1, limited("a", requests=1)),
        tenant("acme", 2, limited("a", requests=2)),
        inheriting("heir", 3),
        pb.SyncComplete(revision=3),
    )
    await synced(fed)
    assert {name: fed.limit(name) for name in ("default", "acme", "heir", "nobody")} == {
        "default": 1,
        "acme": 2,
        "heir": 1,
        "nobody": None,
    }


async def test_a_change_is_in_force_when_it_comes(fed: Fed) -> None:
    fed.config.tell(tenant("acme", 1, limited("a")), pb.SyncComplete(revision=1))
    await synced(fed)
    await fed.applied(tenant("acme", 2, limited("a", requests=7)))
    assert fed.limit("acme") == 7


async def test_the_end_of_a_tenant_is_the_end_of_its_policies(fed: Fed) -> None:
    fed.config.tell(tenant("acme", 1, limited("a"), tenant_id="old"), pb.SyncComplete(revision=1))
    await synced(fed)
    await fed.applied(pb.TenantTombstone(revision=2, tenant_id="old"))
    assert fed.limit("acme") is None
    await fed.applied(tenant("acme", 3, limited("a", requests=9), tenant_id="new"))
    assert fed.limit("acme") == 9
