"""Makes and ends a tenant's place here, for configsvc."""

import structlog
from penstock.auth.v1 import provisioning_service_pb2 as pb
from penstock.auth.v1.provisioning_service_pb2_grpc import ProvisioningServiceServicer

from authsvc.fields import FieldChecks
from authsvc.provisioning import Provisioner, Registration
from svckit.interceptors.shape import Context

log = structlog.get_logger()


class Provisioning(ProvisioningServiceServicer):
    """Serves penstock.auth.v1.ProvisioningService."""

    def __init__(self, provisioner: Provisioner) -> None:
        self._provisioner = provisioner

    async def ProvisionTenant(
        self, request: pb.ProvisionTenantRequest, _context: Context
    ) -> pb.ProvisionTenantResponse:
        checks = FieldChecks()
        wanted = Registration(
            tenant=checks.tenant("tenant_id", request.tenant_id),
            short_id=checks.short_id("short_id", request.short_id),
            request_id=checks.request_id("request_id", request.request_id),
            mint_key=request.mint_key,
        )
        checks.done()
        key = await self._provisioner.provision(wanted)
        log.info("tenant provisioned", tenant_id=wanted.tenant, key_id=key.key_id if key else None)
        if key is None:
            return pb.ProvisionTenantResponse()
        return pb.ProvisionTenantResponse(api_key=key.value.decode(), key_id=key.key_id)

    async def PurgeTenant(self, request: pb.PurgeTenantRequest, _context: Context) -> pb.PurgeTenantResponse:
        checks = FieldChecks()
        tenant = checks.tenant("tenant_id", request.tenant_id)
        checks.done()
        await self._provisioner.purge(tenant)
        log.info("tenant purged", tenant_id=tenant)
        return pb.PurgeTenantResponse()
