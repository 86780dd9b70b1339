"""The services behind the management API, each by its typed stub over one channel."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from grpc_health.v1 import health_pb2_grpc
from penstock.auth.v1.admin_token_service_pb2_grpc import AdminTokenServiceStub
from penstock.auth.v1.api_key_service_pb2_grpc import ApiKeyServiceStub
from penstock.config.v1.config_service_pb2_grpc import ConfigServiceStub
from penstock.config.v1.gateway_service_pb2_grpc import GatewayServiceStub
from penstock.config.v1.tenant_service_pb2_grpc import TenantServiceStub
from penstock.envoy.v3 import authorization_pb2
from penstock.telemetry.v1.query_service_pb2_grpc import QueryServiceStub

from svckit.channels import open_channel
from svckit.identity import ProcessIdentity

if TYPE_CHECKING:
    import grpc
    from penstock.auth.v1.admin_token_service_pb2_grpc import AdminTokenServiceAsyncStub
    from penstock.auth.v1.api_key_service_pb2_grpc import ApiKeyServiceAsyncStub
    from penstock.config.v1.config_service_pb2_grpc import ConfigServiceAsyncStub
    from penstock.config.v1.gateway_service_pb2_grpc import GatewayServiceAsyncStub
    from penstock.config.v1.tenant_service_pb2_grpc import TenantServiceAsyncStub
    from penstock.telemetry.v1.query_service_pb2_grpc import QueryServiceAsyncStub

# Covers a registration: schemas in three services, then a publish.
_CAP_SECONDS: Final = 15.0
_CHECK: Final = "/envoy.service.auth.v3.Authorization/Check"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the services are: `host:port` or `unix:/path`."""

    auth: str
    config: str
    telemetry: str


@dataclass(frozen=True, slots=True)
class Services:
    """What handlers call. `check` judges requests of other gateways; `health` has the standard health stub of each
    process by name."""

    tokens: "AdminTokenServiceAsyncStub"
    keys: "ApiKeyServiceAsyncStub"
    tenants: "TenantServiceAsyncStub"
    configs: "ConfigServiceAsyncStub"
    gateways: "GatewayServiceAsyncStub"
    records: "QueryServiceAsyncStub"
    check: "grpc.aio.UnaryUnaryMultiCallable[authorization_pb2.CheckRequest, authorization_pb2.CheckResponse]"
    health: dict[str, Any]


async def open_services(stack: AsyncExitStack, addresses: Addresses, identity: ProcessIdentity) -> Services:
    """Opens the channels, to be closed by `stack`. Waits for nobody: calls fail while a service is away."""

    async def channel(address: str, audience: str) -> Any:
        return await stack.enter_async_context(open_channel(address, identity, audience, cap_seconds=_CAP_SECONDS))

    auth = await channel(addresses.auth, "authsvc")
    config = await channel(addresses.config, "configsvc")
    telemetry = await channel(addresses.telemetry, "telemetrysvc")
    named = {"authsvc": auth, "configsvc": config, "telemetrysvc": telemetry}
    return Services(
        tokens=AdminTokenServiceStub(auth),
        keys=ApiKeyServiceStub(auth),
        tenants=TenantServiceStub(config),
        configs=ConfigServiceStub(config),
        gateways=GatewayServiceStub(config),
        records=QueryServiceStub(telemetry),
        check=auth.unary_unary(
            _CHECK,
            request_serializer=authorization_pb2.CheckRequest.SerializeToString,
            response_deserializer=authorization_pb2.CheckResponse.FromString,
        ),
        health={name: health_pb2_grpc.HealthStub(each) for name, each in named.items()},
    )
