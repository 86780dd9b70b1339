"""telemetrysvc for tests: its real composition on a socket in this process, and as a process of its own."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import orjson
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from svckit.channels import open_channel, open_stream
from svckit.drain import Drain
from svckit.identity import ProcessIdentity, generate_identity
from svckit.metrics import RpcMetrics
from svckit.server import Runtime
from telemetrysvc.composition import METHODS, start
from telemetrysvc.settings import TelemetrySettings
from tests.support.services import ServiceHost

NAME = "telemetrysvc"
_START_SECONDS = 30


class _Finished(Exception):
    """Ends the background loops of a collector."""


@asynccontextmanager
async def running_collector(host: ServiceHost, database_url: str) -> AsyncIterator["Channels"]:
    """The collector while entered; yields channels to it."""
    identity = host.identities[NAME]
    settings = TelemetrySettings(
        database_url=SecretStr(database_url), identity_key_file=Path("unused"), trusted_keys_file=Path("unused")
    )
    drain, registry = Drain(), CollectorRegistry()
    try:
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
            runtime = Runtime(NAME, settings, identity, host.trusted, registry, RpcMetrics(registry), drain, tasks)
            hosted = await host.serve(NAME, METHODS, await start(stack, runtime), drain=drain)
            async with AsyncExitStack() as channels:
                yield Channels(hosted.target, host.identities, channels)
            drain.start()
            raise _Finished
    except* _Finished:
        pass


@dataclass(frozen=True, slots=True)
class Channels:
    """Channels to `target` by caller, closed with the collector."""

    target: str
    identities: Mapping[str, ProcessIdentity]
    stack: AsyncExitStack

    async def of(self, caller: str) -> grpc.aio.Channel:
        return await self.stack.enter_async_context(open_channel(self.target, self.identities[caller], NAME))


@dataclass(frozen=True, slots=True)
class Site:
    """Keys and addresses of a collector that runs as a process of its own."""

    folder: Path
    database_url: str
    socket: Path

    @property
    def target(self) -> str:
        return f"unix:{self.socket}"

    def channel(self, caller: str) -> grpc.aio.Channel:
        return open_channel(self.target, ProcessIdentity.load(self.folder / f"{caller}.key"), NAME)

    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PENSTOCK_DATABASE_URL": self.database_url,
            "PENSTOCK_LISTEN": self.target,
            "PENSTOCK_IDENTITY_KEY_FILE": str(self.folder / f"{NAME}.key"),
            "PENSTOCK_TRUSTED_KEYS_FILE": str(self.folder / "trusted.json"),
        }

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """The process, once it serves; killed at the end."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", NAME, env=self.environment(), stdout=asyncio.subprocess.DEVNULL
        )
        try:
            await self._serving()
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def _serving(self) -> None:
        request = health_pb2.HealthCheckRequest()
        async with (
            asyncio.timeout(_START_SECONDS),
            open_channel(self.target, None, NAME) as channel,
            open_stream(HealthStub(channel).Watch(request, wait_for_ready=True)) as states,
        ):
            async for state in states:
                if state.status == health_pb2.HealthCheckResponse.SERVING:
                    return


def prepare_site(folder: Path, database_url: str, socket: Path) -> Site:
    """Makes the keys of the collector and of its callers."""
    names = (NAME, "edge", "configsvc", "admin")
    keys = {name: [generate_identity(folder / f"{name}.key", name)] for name in names}
    (folder / "trusted.json").write_bytes(orjson.dumps(keys))
    return Site(folder, database_url, socket)
