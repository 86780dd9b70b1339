"""Gateways: who has applied what."""

from penstock.config.v1 import gateway_service_pb2 as pb2

from edge.admin.admission import Asking, Called
from edge.admin.models.gateways import Gateway, Gateways


async def list_gateways(services: Called, bearer: Asking) -> Gateways:
    """List the edge workers and how each stands to each tenant; with a tenant's token, to that tenant."""
    answer = await services.gateways.ListGateways(pb2.ListGatewaysRequest(tenant_id=bearer.tenant_id or ""))
    items = [Gateway.of(each, bearer.tenant_id) for each in answer.gateways]
    return Gateways(items=items, next_cursor=None, head_revision=answer.head_revision)
