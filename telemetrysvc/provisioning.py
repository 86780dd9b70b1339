"""ProvisioningService: makes and ends a tenant's place. Called by configsvc."""

from typing import Final

from penstock.telemetry.v1 import provisioning_service_pb2 as messages
from penstock.telemetry.v1.provisioning_service_pb2_grpc import ProvisioningServiceServicer

from svckit.interceptors.shape import Context
from telemetrysvc.checks import Checks
from telemetrysvc.tenants import Tenants


class ProvisioningService(ProvisioningServiceServicer):
    """Both rpcs may be repeated."""

    def __init__(self, tenants: Tenants) -> None:
        self._tenants: Final = tenants

    async def ProvisionTenant(
        self, request: messages.ProvisionTenantRequest, _context: Context
    ) -> messages.ProvisionTenantResponse:
        checks = Checks()
        tenant = checks.tenant(request.tenant_id)
        checks.done()
        await self._tenants.provision(tenant)
        return messages.ProvisionTenantResponse()

    async def PurgeTenant(
        self, request: messages.PurgeTenantRequest, _context: Context
    ) -> messages.PurgeTenantResponse:
        checks = Checks()
        tenant = checks.tenant(request.tenant_id)
        checks.done()
        await self._tenants.purge(tenant)
        return messages.PurgeTenantResponse()
