"""configsvc on a real database, with the two services that provision tenants played by small fakes over real gRPC."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace

from penstock.auth.v1 import provisioning_service_pb2 as auth_pb
from penstock.auth.v1 import provisioning_service_pb2_grpc as auth_grpc
from penstock.config.v1 import config_service_pb2_grpc, gateway_service_pb2_grpc, tenant_service_pb2_grpc
from penstock.errors.v1 import error_reason_pb2 as reasons
from penstock.telemetry.v1 import provisioning_service_pb2 as telemetry_pb
from penstock.telemetry.v1 import provisioning_service_pb2_grpc as telemetry_grpc

from configsvc.rpc.methods import METHODS
from configsvc.service import start
from configsvc.settings import ConfigSettings
from svckit.drain import Drain
from svckit.errors import Fault
from svckit.interceptors.shape import Context
from svckit.metrics import new_registry
from svckit.server import Runtime
from svckit.settings import load_settings
from svckit.switchboard import Mount
from tests.support.services import Hosted, ServiceHost

_PROVISION = "v1.ProvisioningService/ProvisionTenant"
_CONFIGSVC = frozenset({"configsvc"})


@dataclass
class FakeAuth(auth_grpc.ProvisioningServiceServicer):
    """Keeps the contract of authsvc's provisioning: one live key per request id, the earlier one is revoked."""

    down: bool = False
    live: dict[str, str] = field(default_factory=dict)
    requests: list[auth_pb.ProvisionTenantRequest] = field(default_factory=list)
    minted: int = 0

    async def ProvisionTenant(
        self, request: auth_pb.ProvisionTenantRequest, _context: Context
    ) -> auth_pb.ProvisionTenantResponse:
        if self.down:
            raise Fault(reasons.ERROR_REASON_UNAVAILABLE)
        self.requests.append(request)
        if not request.mint_key:
            return auth_pb.ProvisionTenantResponse()
        self.minted += 1
        self.live[request.request_id] = f"psk_live_{request.short_id}_{self.minted}"
        return auth_pb.ProvisionTenantResponse(api_key=self.live[request.request_id], key_id=str(self.minted))

    async def PurgeTenant(self, _request: auth_pb.PurgeTenantRequest, _context: Context) -> auth_pb.PurgeTenantResponse:
        raise Fault(reasons.ERROR_REASON_UNIMPLEMENTED)


@dataclass
class FakeTelemetry(telemetry_grpc.ProvisioningServiceServicer):
    """Remembers which tenants have a schema."""

    tenants: list[str] = field(default_factory=list)

    async def ProvisionTenant(
        self, request: telemetry_pb.ProvisionTenantRequest, _context: Context
    ) -> telemetry_pb.ProvisionTenantResponse:
        self.tenants.append(request.tenant_id)
        return telemetry_pb.ProvisionTenantResponse()

    async def PurgeTenant(
        self, _request: telemetry_pb.PurgeTenantRequest, _context: Context
    ) -> telemetry_pb.PurgeTenantResponse:
        raise Fault(reasons.ERROR_REASON_UNIMPLEMENTED)


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
                    runtime = Runtime("configsvc", settings, identity, self.host.trusted, registry, drain, tasks)
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
