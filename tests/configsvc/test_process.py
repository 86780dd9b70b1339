"""The process: it starts alone, ends politely, migrates on command."""

import asyncio
import signal
from pathlib import Path

import asyncpg
import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from penstock.config.v1 import config_service_pb2 as pb
from penstock.config.v1.config_service_pb2_grpc import ConfigServiceStub

from svckit.channels import open_stream
from tests.configsvc.process import ConfigProcess

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
