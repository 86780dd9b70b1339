"""Makes tenants. Every step can be repeated, so a registration that was cut off is finished by the same call.

claim (PROVISIONING) → schemas here, at telemetrysvc and at authsvc → record and version 1, ACTIVE → gateways have it.
Version 1 and ACTIVE are one change: there is no moment in which gateways hold a document for a tenant in the making.
What nobody finishes is removed again (docs/decisions/0007).
"""

import asyncio
import random
import secrets
import time
from typing import Any, Final

import grpc
import structlog
from penstock.auth.v1 import provisioning_service_pb2 as auth_pb
from penstock.auth.v1 import provisioning_service_pb2_grpc as auth_grpc
from penstock.config.v1 import gateway_config_pb2, tenant_pb2
from penstock.telemetry.v1 import provisioning_service_pb2 as telemetry_pb
from penstock.telemetry.v1 import provisioning_service_pb2_grpc as telemetry_grpc

from configsvc.claims import Claim
from configsvc.gateway_store import GatewayStore
from configsvc.schema import migrate_tenant
from configsvc.tenant_store import TenantStore
from domain.api_keys import ID_RANDOM_BYTES, new_id
from domain.tenants import DEFAULT_SLUG, DEFAULT_TENANT, TenantId
from svckit.backoff import delays
from svckit.ids import uuid7
from svckit.postgres import alone

GATEWAYS_SECONDS: Final = 0.5
_LOOK_SECONDS: Final = 0.01
# A fixed short id: every service may meet `default` before configsvc has told it anything.
DEFAULT_SHORT_ID: Final = "default0"
_DEFAULT: Final = Claim(
    DEFAULT_TENANT, DEFAULT_SHORT_ID, "penstock.default", tenant_pb2.Tenant(slug=DEFAULT_SLUG, name=DEFAULT_SLUG)
)
log = structlog.get_logger()


class Registrar:
    """Registers tenants here and at the services that keep something for them."""

    def __init__(
        self,
        pool: Any,
        tenants: TenantStore,
        gateways: GatewayStore,
        auth: grpc.aio.Channel,
        telemetry: grpc.aio.Channel,
    ) -> None:
        self._pool = pool
        self._tenants = tenants
        self._gateways = gateways
        self._auth = auth_grpc.ProvisioningServiceStub(auth)
        self._telemetry = telemetry_grpc.ProvisioningServiceStub(telemetry)

    async def register(self, registration_id: str, record: tenant_pb2.Tenant) -> tuple[TenantId, str]:
        """The id and the first API key of the tenant; a known registration is finished and gets a new key.

        `record` has slug, name, hosts, parent and subscription. ALREADY_EXISTS; UNAVAILABLE when a service is away.
        Calls for one registration take turns; each answer's key ends the one before.
        """
        async with self._pool.acquire() as connection, alone(connection, f"configsvc:registration:{registration_id}"):
            return await self._register(registration_id, record)

    async def _register(self, registration_id: str, record: tenant_pb2.Tenant) -> tuple[TenantId, str]:
        short_id = new_id(secrets.token_bytes(ID_RANDOM_BYTES))
        claim = await self._tenants.claim(Claim(TenantId(str(uuid7())), short_id, registration_id, record))
        await migrate_tenant(self._pool, claim.tenant)
        api_key = await self._provision(claim, mint_key=True)
        config = gateway_config_pb2.GatewayConfig(inherit_default=True).SerializeToString(deterministic=True)
        revision = await self._tenants.activate(claim, config)
        await self._until_gateways_have(claim.tenant, revision)
        return claim.tenant, api_key

    async def remove_abandoned(self) -> None:
        """Removes what registrations have left that nobody finished; nobody was given their keys. Can be repeated."""
        for tenant in await self._tenants.abandon():
            try:
                await self._telemetry.PurgeTenant(telemetry_pb.PurgeTenantRequest(tenant_id=tenant))
                await self._auth.PurgeTenant(auth_pb.PurgeTenantRequest(tenant_id=tenant))
            except grpc.aio.AioRpcError as error:
                log.info("an unfinished registration is not removed yet", tenant=tenant, code=error.code().name)
            else:
                await self._tenants.erase(tenant)
                log.warning("an unfinished registration was removed", tenant=tenant)

    async def make_default(self) -> None:
        """Makes the tenant `default` with an empty document, if it is not there."""
        default = await self._tenants.get(DEFAULT_TENANT)
        if default is not None and default.config_version:
            return
        await self._tenants.claim(_DEFAULT)
        await migrate_tenant(self._pool, DEFAULT_TENANT)
        await self._tenants.activate(_DEFAULT, b"")

    async def provision_default(self) -> None:
        """Gives `default` its place in the other services, however long they take to come."""
        for delay in delays(random.SystemRandom().random, scale=0.2):
            try:
                await self._provision(_DEFAULT, mint_key=False)
            except grpc.aio.AioRpcError as error:
                log.info("default is not provisioned yet", code=error.code().name)
                await asyncio.sleep(delay)
            else:
                return

    async def _provision(self, claim: Claim, *, mint_key: bool) -> str:
        """Telemetry first: the key that comes last must not be lost to the failure of another step."""
        await self._telemetry.ProvisionTenant(telemetry_pb.ProvisionTenantRequest(tenant_id=claim.tenant))
        answer = await self._auth.ProvisionTenant(
            auth_pb.ProvisionTenantRequest(
                tenant_id=claim.tenant,
                short_id=claim.short_id,
                request_id=claim.registration_id,
                mint_key=mint_key,
            )
        )
        api_key: str = answer.api_key
        return api_key

    async def _until_gateways_have(self, tenant: TenantId, revision: int) -> None:
        """Waits shortly: the key should work when the caller has it, and a slow gateway must not hold it back."""
        end = time.monotonic() + GATEWAYS_SECONDS
        while behind := await self._gateways.behind(tenant, revision):
            if time.monotonic() >= end:
                log.warning("gateways do not know the new tenant yet", tenant=tenant, gateways=behind)
                return
            await asyncio.sleep(_LOOK_SECONDS)
