"""The process: it starts alone, ends politely, migrates on command."""

import asyncio
import signal
from dataclasses import replace
from pathlib import Path

import asyncpg
import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from penstock.config.v1 import config_service_pb2 as pb
from penstock.config.v1.config_service_pb2_grpc import ConfigServiceStub
from penstock.config.v1.tenant_service_pb2 import RegisterTenantRequest
from penstock.config.v1.tenant_service_pb2_grpc import TenantServiceStub

from svckit.channels import open_stream
from svckit.identity import TrustedKeys
from tests.configsvc.process import ConfigProcess
from tests.configsvc.replica import make_cluster
from tests.configsvc.rows import execute, told_of
from tests.support.services import ServiceHost

INSTANCE = pb.Instance(gateway_id="gw", slot=0, boot_id="01900000-0000-4000-8000-000000000001")


@pytest.fixture
def configsvc(tmp_path: Path, short_dir: Path, database_url: str) -> ConfigProcess:
    return ConfigProcess.prepare(tmp_path, short_dir, database_url)


async def test_it_serves_without_the_other_services_and_sigterm_ends_it_with_an_open_stream(
    configsvc: ConfigProcess,
) -> None:
    async with configsvc.running() as process, configsvc.channel("edge") as channel:
        await serving(channel)
        request = pb.WatchConfigRequest(instance=INSTANCE, scope="default")
        async with open_stream(ConfigServiceStub(channel).WatchConfig(request)) as stream, asyncio.timeout(20):
            events = aiter(stream)
            assert (await anext(events)).snapshot.tenant.slug == "default"
            assert (await anext(events)).HasField("sync_complete")
            process.send_signal(signal.SIGTERM)
            assert [event async for event in events] == []
            assert await process.wait() == 0


async def serving(channel: grpc.aio.Channel) -> None:
    """Returns when the process serves."""
    health = health_pb2_grpc.HealthStub(channel)
    async with asyncio.timeout(20):
        await channel.channel_ready()
        async with open_stream(health.Watch(health_pb2.HealthCheckRequest())) as statuses:
            async for answer in statuses:
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    return


async def test_a_registration_in_which_the_process_was_killed_does_not_stay_for_ever(
    configsvc: ConfigProcess, service_host: ServiceHost
) -> None:
    host = replace(service_host, trusted=TrustedKeys.load(configsvc.folder / "trusted.json"))
    cluster = await make_cluster(host, configsvc.database_url)
    process = replace(configsvc, auth_address=cluster.auth_target, telemetry_address=cluster.telemetry_target)
    request = RegisterTenantRequest(slug="acme", hosts=["acme.test"])
    cluster.auth.hold()
    async with process.running() as first, process.channel("admin") as channel:
        await serving(channel)
        call = TenantServiceStub(channel).RegisterTenant(request)
        cut_off = await cluster.auth.arrival(mint_key=True)
        first.kill()
        with pytest.raises(grpc.aio.AioRpcError):
            await call
    cluster.auth.released.set()
    await execute(cluster.database_url, "UPDATE config.tenants SET claim_time = now() - interval '11 minutes'")
    removal = told_of(cluster.database_url, "DELETE ON config.tenants")
    async with removal as removed, process.running(), process.channel("admin") as channel:
        async with asyncio.timeout(20):
            await removed.wait()
        await serving(channel)
        answer = await TenantServiceStub(channel).RegisterTenant(request)
    assert cluster.auth.purged == [cut_off.tenant_id]
    assert answer.tenant.id != cut_off.tenant_id
    assert list(answer.tenant.hosts) == ["acme.test"]


async def test_it_answers_health_while_its_database_is_away(tmp_path: Path, short_dir: Path) -> None:
    away = ConfigProcess.prepare(tmp_path, short_dir, f"postgresql://nobody@/none?host={tmp_path}")
    async with away.running() as process, away.channel("edge") as channel:
        async with asyncio.timeout(20):
            await channel.channel_ready()
            answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        assert answer.status == health_pb2.HealthCheckResponse.NOT_SERVING
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            assert await process.wait() == 0


async def test_migrate_makes_the_schema_and_may_be_repeated(configsvc: ConfigProcess) -> None:
    for _ in range(2):
        process = await configsvc.spawn("migrate")
        async with asyncio.timeout(20):
            assert await process.wait() == 0
    connection = await asyncpg.connect(configsvc.database_url)
    try:
        assert await connection.fetchval("SELECT count(*) FROM config.tenants") == 0
    finally:
        await connection.close()


async def test_an_unknown_command_is_refused(configsvc: ConfigProcess) -> None:
    process = await configsvc.spawn("serve")
    assert await process.wait() == 2
    assert "usage" in (configsvc.folder / "log").read_text()
