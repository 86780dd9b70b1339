"""A real authsvc in the test's own loop: the composition root, PostgreSQL, the chain and a Unix socket."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from uuid import uuid4

import asyncpg
from penstock.auth.v1 import provisioning_service_pb2 as provisioning
from penstock.auth.v1.admin_token_service_pb2_grpc import AdminTokenServiceStub
from penstock.auth.v1.api_key_service_pb2 import CreateApiKeyRequest, CreateApiKeyResponse
from penstock.auth.v1.api_key_service_pb2_grpc import ApiKeyServiceStub
from penstock.auth.v1.auth_service_pb2 import AuthenticateRequest, AuthenticateResponse
from penstock.auth.v1.auth_service_pb2_grpc import AuthServiceStub
from penstock.auth.v1.principal_pb2 import CREDENTIAL_KIND_API_KEY, Credential
from penstock.auth.v1.provisioning_service_pb2_grpc import ProvisioningServiceStub
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from authsvc.migrate import migrate_database
from authsvc.service import service, start
from authsvc.settings import AuthSettings
from domain import api_keys
from domain.tenants import TenantId
from svckit.drain import Drain
from svckit.encryption import generate_kek
from svckit.metrics import RpcMetrics
from svckit.server import Runtime
from tests.support.services import Hosted, ServiceHost

if TYPE_CHECKING:  # names of the generated stub files only
    from penstock.auth.v1.admin_token_service_pb2_grpc import AdminTokenServiceAsyncStub
    from penstock.auth.v1.api_key_service_pb2_grpc import ApiKeyServiceAsyncStub
    from penstock.auth.v1.auth_service_pb2_grpc import AuthServiceAsyncStub
    from penstock.auth.v1.provisioning_service_pb2_grpc import ProvisioningServiceAsyncStub


@dataclass(frozen=True, slots=True)
class Cluster:
    """What replicas of one cluster share. `url` is the service's own database."""

    host: ServiceHost
    url: str
    kek_file: Path

    @asynccontextmanager
    async def replica(self) -> AsyncIterator["Replica"]:
        """A running replica; leaving stops it as a SIGTERM would."""
        drain = Drain()
        async with AsyncExitStack() as resources:
            try:
                async with asyncio.TaskGroup() as tasks:
                    mounts = await start(resources, self._runtime(drain, tasks))
                    async with AsyncExitStack() as served:
                        host = ServiceHost(self.host.socket_dir, self.host.identities, self.host.trusted, served)
                        spec = service()
                        hosted = await host.serve("authsvc", spec.methods, mounts, drain=drain, away=spec.away)
                        yield await _connected(hosted)
                    raise _StoppedError
            except* _StoppedError:
                pass

    def _runtime(self, drain: Drain, tasks: asyncio.TaskGroup) -> Runtime[AuthSettings]:
        settings = AuthSettings(
            database_url=SecretStr(self.url),
            kek_file=self.kek_file,
            identity_key_file=Path("unread"),
            trusted_keys_file=Path("unread"),
        )
        identity, trusted, registry = self.host.identities["authsvc"], self.host.trusted, CollectorRegistry()
        return Runtime("authsvc", settings, identity, trusted, registry, RpcMetrics(registry), drain, tasks)


@dataclass(frozen=True, slots=True)
class Replica:
    """A running replica and stubs of the processes that may call it."""

    REGISTRATION: ClassVar = "registration"

    hosted: Hosted
    auth: "AuthServiceAsyncStub"
    keys: "ApiKeyServiceAsyncStub"
    admin_tokens: "AdminTokenServiceAsyncStub"
    provisioning: "ProvisioningServiceAsyncStub"

    async def tenant(self) -> "Tenant":
        """A new tenant with its first key."""
        tenant = TenantId(str(uuid4()))
        short_id = api_keys.new_id(secrets.token_bytes(16))
        answer = await self.provisioning.ProvisionTenant(
            provisioning.ProvisionTenantRequest(
                tenant_id=tenant, short_id=short_id, request_id=Replica.REGISTRATION, mint_key=True
            )
        )
        return Tenant(tenant, short_id, answer.api_key, answer.key_id)

    async def create_key(self, tenant: str, name: str = "robot", **fields: object) -> CreateApiKeyResponse:
        """A new key of the tenant."""
        request = CreateApiKeyRequest(tenant_id=tenant, name=name, **fields)  # type: ignore[arg-type]
        return await self.keys.CreateApiKey(request)

    async def authenticate(self, key: str | bytes) -> AuthenticateResponse:
        """What the service says about an API key."""
        return await self.auth.Authenticate(presented(key))


@dataclass(frozen=True, slots=True)
class Tenant:
    """A provisioned tenant and its first key."""

    id: TenantId
    short_id: str
    api_key: str
    key_id: str


def presented(key: str | bytes, tenant: str = "00000000-0000-7000-8000-000000000000") -> AuthenticateRequest:
    """The request that asks about an API key."""
    value = key.encode() if isinstance(key, str) else key
    credential = Credential(kind=CREDENTIAL_KIND_API_KEY, value=value, config_tenant_id=tenant)
    return AuthenticateRequest(credential=credential)


async def make_cluster(host: ServiceHost, url: str, folder: Path) -> Cluster:
    """A migrated database and a key-encryption key."""
    kek_file = folder / "kek"
    generate_kek(kek_file)
    async with asyncpg.create_pool(url, min_size=1, max_size=2) as pool:
        await migrate_database(pool)
    return Cluster(host, url, kek_file)


async def _connected(hosted: Hosted) -> Replica:
    edge, admin = await hosted.channel("edge"), await hosted.channel("admin")
    return Replica(
        hosted,
        AuthServiceStub(edge),
        ApiKeyServiceStub(admin),
        AdminTokenServiceStub(admin),
        ProvisioningServiceStub(await hosted.channel("configsvc")),
    )


class _StoppedError(Exception):
    """Ends the task group of a replica."""
