"""configsvc on a real database, with the two services that provision tenants played by small fakes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from penstock.auth.v1 import provisioning_service_pb2_grpc as auth_grpc
from penstock.config.v1 import config_service_pb2_grpc, gateway_service_pb2_grpc, tenant_service_pb2_grpc
from penstock.telemetry.v1 import provisioning_service_pb2_grpc as telemetry_grpc

from configsvc.rpc.methods import METHODS
from configsvc.service import start
from configsvc.settings import ConfigSettings
from svckit.drain import Drain
from svckit.metrics import RpcMetrics, new_registry
from svckit.server import Runtime
from svckit.settings import load_settings
from svckit.switchboard import Mount
from tests.configsvc.fakes import FakeAuth, FakeTelemetry
from tests.support.services import Hosted, ServiceHost

_PROVISION = "v1.ProvisioningService/ProvisionTenant"
_CONFIGSVC = frozenset({"configsvc"})


@dataclass(frozen=True)
class Replica:
    """A running configsvc."""

    hosted: Hosted
    drain: Drain

    async def tenants(self, caller: str = "admin") -> "tenant_service_pb2_grpc.TenantServiceAsyncStub":
        return tenant_service_pb2_grpc.TenantServiceStub(await self.hosted.channel(caller))

    async def configs(self, caller: str = "admin") -> "config_service_pb2_grpc.ConfigServiceAsyncStub":
        return config_service_pb2_grpc.ConfigServiceStub(await self.hosted.channel(caller))

    async def gateways(self, caller: str = "admin") -> "gateway_service_pb2_grpc.GatewayServiceAsyncStub":
        return gateway_service_pb2_grpc.GatewayServiceStub(await self.hosted.channel(caller))


@dataclass(frozen=True)
class Cluster:
    """A database and the services around configsvc; `replica()` starts one."""

    host: ServiceHost
    database_url: str
    auth: FakeAuth
    telemetry: FakeTelemetry
    auth_target: str
    telemetry_target: str

    @asynccontextmanager
    async def replica(self) -> AsyncIterator[Replica]:
        """A replica of its own on the shared database."""
        settings = load_settings(
            ConfigSettings,
            {
                "PENSTOCK_DATABASE_URL": self.database_url,
                "PENSTOCK_IDENTITY_KEY_FILE": "unused",
                "PENSTOCK_TRUSTED_KEYS_FILE": "unused",
                "PENSTOCK_AUTH_ADDRESS": self.auth_target,
                "PENSTOCK_TELEMETRY_ADDRESS": self.telemetry_target,
            },
        )
        drain, identity = Drain(), self.host.identities["configsvc"]
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.TaskGroup() as tasks:
                    registry = new_registry()
                    runtime = Runtime(
                        "configsvc", settings, identity, self.host.trusted, registry, RpcMetrics(registry), drain, tasks
                    )
                    mounts = await start(stack, runtime)
                    async with AsyncExitStack() as serving:
                        host = replace(self.host, stack=serving)
                        yield Replica(await host.serve("configsvc", METHODS, mounts, drain=drain), drain)
                        drain.start()
                    raise _Finished
            except* _Finished:
                pass


async def make_cluster(host: ServiceHost, database_url: str) -> Cluster:
    """The two fakes served, and a database."""
    auth, telemetry = FakeAuth(), FakeTelemetry()
    auth_hosted = await host.serve(
        "authsvc",
        {f"/penstock.auth.{_PROVISION}": _CONFIGSVC, "/penstock.auth.v1.ProvisioningService/PurgeTenant": _CONFIGSVC},
        [Mount(auth_grpc.add_ProvisioningServiceServicer_to_server, auth)],
    )
    telemetry_hosted = await host.serve(
        "telemetrysvc",
        {
            f"/penstock.telemetry.{_PROVISION}": _CONFIGSVC,
            "/penstock.telemetry.v1.ProvisioningService/PurgeTenant": _CONFIGSVC,
        },
        [Mount(telemetry_grpc.add_ProvisioningServiceServicer_to_server, telemetry)],
    )
    return Cluster(host, database_url, auth, telemetry, auth_hosted.target, telemetry_hosted.target)


class _Finished(Exception):
    """Ends a replica's task group."""
