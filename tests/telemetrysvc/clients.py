"""Calls of telemetrysvc by the processes that may make them."""

from dataclasses import dataclass
from typing import Any

from penstock.telemetry.v1.ingest_service_pb2 import StreamBatchesRequest, StreamBatchesResponse
from penstock.telemetry.v1.ingest_service_pb2_grpc import IngestServiceStub
from penstock.telemetry.v1.provisioning_service_pb2 import ProvisionTenantRequest, PurgeTenantRequest
from penstock.telemetry.v1.provisioning_service_pb2_grpc import ProvisioningServiceStub
from penstock.telemetry.v1.query_service_pb2_grpc import QueryServiceStub

from domain.tenants import TenantId
from svckit.channels import open_stream
from tests.telemetrysvc.collectors import Channels
from tests.telemetrysvc.records import new_tenant


@dataclass(frozen=True, slots=True)
class Clients:
    """`query` is a QueryServiceStub of the admin process."""

    channels: Channels
    query: Any
    ingest: Any
    provisioning: Any

    async def new_tenant(self) -> TenantId:
        """A tenant that is provisioned."""
        tenant = new_tenant()
        await self.provisioning.ProvisionTenant(ProvisionTenantRequest(tenant_id=tenant))
        return tenant

    async def purge(self, tenant: TenantId) -> None:
        await self.provisioning.PurgeTenant(PurgeTenantRequest(tenant_id=tenant))

    async def ship(self, *batches: StreamBatchesRequest) -> list[StreamBatchesResponse]:
        """Sends batches on one stream and returns their answers."""
        async with open_stream(self.ingest.StreamBatches()) as call:
            for each in batches:
                await call.write(each)
            return [await call.read() for _ in batches]


async def open_clients(channels: Channels) -> Clients:
    return Clients(
        channels,
        QueryServiceStub(await channels.of("admin")),
        IngestServiceStub(await channels.of("edge")),
        ProvisioningServiceStub(await channels.of("configsvc")),
    )
