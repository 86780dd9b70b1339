"""Records travel from the spool of an edge into PostgreSQL, each once, whatever happens on the way."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import astuple
from pathlib import Path

import asyncpg
import pytest
from penstock.telemetry.v1.provisioning_service_pb2 import ProvisionTenantRequest
from penstock.telemetry.v1.provisioning_service_pb2_grpc import ProvisioningServiceStub

from domain.tenants import TenantId, schema_name
from edge.telemetry.recorder import Recorder
from tests.support.services import ServiceHost
from tests.telemetrysvc.collectors import Site, prepare_site, running_collector
from tests.telemetrysvc.records import new_tenant, request

SECONDS = 20


class _Finished(Exception):
    """Ends a recorder's loops."""


@asynccontextmanager
async def running(recorder: Recorder) -> AsyncIterator[Recorder]:
    """The recorder with its loops; closed at the end."""
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(recorder.run())
            yield recorder
            raise _Finished
    except* _Finished:
        pass
    finally:
        recorder.close()


def note(recorder: Recorder, tenant: TenantId, numbers: range) -> None:
    for number in numbers:
        recorder.note(request(tenant, path=f"/{number}").SerializeToString())


async def stored(database_url: str, tenant: TenantId) -> list[int]:
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch(f"SELECT path FROM {schema_name(tenant)}.requests")  # noqa: S608
        return sorted(int(row["path"].removeprefix("/")) for row in rows)
    finally:
        await connection.close()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(SECONDS):
        while not await condition():  # noqa: ASYNC110 - rows of another process are no event
            await asyncio.sleep(0.01)


async def provisioned(site: Site, tenant: TenantId | None = None) -> TenantId:
    """Provisions the tenant, or a new one."""
    tenant = tenant or new_tenant()
    async with site.channel("configsvc") as channel:
        await ProvisioningServiceStub(channel).ProvisionTenant(ProvisionTenantRequest(tenant_id=tenant))
    return tenant


@pytest.fixture
def site(tmp_path: Path, short_dir: Path, database_url: str) -> Site:
    return prepare_site(tmp_path, database_url, short_dir / "telemetry.sock")


def recorder_of(site: Site, channel: object, slot: int = 0) -> Recorder:
    return Recorder(site.folder / "spool", slot, "gw-test", channel, pause_scale=0.02)  # type: ignore[arg-type]


async def test_what_is_noted_arrives_without_being_asked_for(site: Site, service_host: ServiceHost) -> None:
    async with running_collector(service_host, site.database_url) as channels:
        tenant = new_tenant()
        stub = ProvisioningServiceStub(await channels.of("configsvc"))
        await stub.ProvisionTenant(ProvisionTenantRequest(tenant_id=tenant))
        async with running(recorder_of(site, await channels.of("edge"))) as recorder:
            note(recorder, tenant, range(3))
            await until(lambda: arrived(recorder, 3))
            assert await stored(site.database_url, tenant) == [0, 1, 2]


async def arrived(recorder: Recorder, count: int) -> bool:
    return recorder.shipped == count


async def test_a_flush_ships_everything_that_is_there(site: Site) -> None:
    async with site.running(), site.channel("edge") as channel:
        tenant = await provisioned(site)
        async with running(recorder_of(site, channel)) as recorder:
            note(recorder, tenant, range(2_345))
            assert await recorder.flush(SECONDS)
        assert await stored(site.database_url, tenant) == list(range(2_345))


async def test_a_flush_gives_up_in_time_and_the_records_stay(site: Site) -> None:
    async with site.channel("edge") as channel, running(recorder_of(site, channel)) as recorder:
        note(recorder, new_tenant(), range(10))
        assert not await recorder.flush(0.05)
        assert recorder.spooled == 10


async def test_nothing_is_lost_or_doubled_when_the_collector_is_killed_in_mid_stream(site: Site) -> None:
    async with site.channel("edge") as channel, running(recorder_of(site, channel)) as recorder:
        tenant, count = new_tenant(), 0
        for round_number in range(3):
            async with site.running() as process:
                tenant = await provisioned(site) if round_number == 0 else tenant
                already = recorder.shipped
                note(recorder, tenant, range(count, count + 3_000))
                count += 3_000
                await until(lambda already=already: arrived_more_than(recorder, already))  # type: ignore[misc]
                process.kill()
        async with site.running():
            assert await recorder.flush(SECONDS)
        tally = recorder.tally()
        assert await stored(site.database_url, tenant) == list(range(count))
        assert (tally.answered, tally.shipped, sum(tally.dropped.values())) == (count, count, 0)


async def arrived_more_than(recorder: Recorder, count: int) -> bool:
    return recorder.shipped > count


async def test_records_wait_in_the_spool_for_the_next_process_of_the_edge(site: Site) -> None:
    tenant = new_tenant()
    async with site.channel("edge") as channel:
        async with running(recorder_of(site, channel)) as recorder:
            note(recorder, tenant, range(500))
        async with site.running():
            await provisioned(site, tenant)
            async with running(recorder_of(site, channel)) as recorder:
                note(recorder, tenant, range(500, 600))
                assert await recorder.flush(SECONDS)
                assert recorder.answered == recorder.shipped == 600
            assert await stored(site.database_url, tenant) == list(range(600))


async def test_the_spool_of_a_dead_worker_is_shipped_by_a_living_one(site: Site) -> None:
    tenant = new_tenant()
    async with site.channel("edge") as channel:
        async with running(recorder_of(site, channel, slot=3)) as dead:
            note(dead, tenant, range(250))
        async with site.running():
            await provisioned(site, tenant)
            async with running(recorder_of(site, channel, slot=0)):
                await until(lambda: are_stored(site, tenant, 250))
        assert await stored(site.database_url, tenant) == list(range(250))


async def test_what_is_lost_of_an_adopted_spool_counts_as_lost_by_its_adopter(site: Site) -> None:
    async with site.channel("edge") as channel:
        async with running(recorder_of(site, channel, slot=3)) as dead:
            note(dead, new_tenant(), range(5))
        async with site.running(), running(recorder_of(site, channel, slot=0)) as recorder:
            await until(lambda: has_refused(recorder, 5))


async def has_refused(recorder: Recorder, count: int) -> bool:
    return recorder.dropped["refused"] == count


async def are_stored(site: Site, tenant: TenantId, count: int) -> bool:
    return len(await stored(site.database_url, tenant)) == count


async def test_records_of_an_unknown_tenant_are_counted_as_refused(site: Site) -> None:
    async with site.running(), site.channel("edge") as channel:
        tenant = await provisioned(site)
        async with running(recorder_of(site, channel)) as recorder:
            note(recorder, new_tenant(), range(5))
            note(recorder, tenant, range(5))
            assert await recorder.flush(SECONDS)
            answered, *others = astuple(recorder.tally())
            assert (answered, sum(others)) == (10, 10)
            assert (recorder.shipped, recorder.dropped["refused"]) == (5, 5)
