"""Gateways: the edge workers and how each stands to each tenant's newest state."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal, Self

from penstock.config.v1 import gateway_service_pb2 as pb2
from pydantic import Field

from edge.admin.models.faults import DocumentFault, document_faults
from edge.admin.models.shapes import Answer, Page
from edge.admin.models.times import time_of

State = Literal["unknown", "sent", "applied", "rejected", "lost"]
_STATE: dict[int, State] = {
    pb2.DELIVERY_STATE_UNSPECIFIED: "unknown",
    pb2.DELIVERY_STATE_SENT: "sent",
    pb2.DELIVERY_STATE_APPLIED: "applied",
    pb2.DELIVERY_STATE_REJECTED: "rejected",
    pb2.DELIVERY_STATE_LOST: "lost",
}


class Delivery(Answer):
    """How an instance stands to one tenant's newest state."""

    tenant_id: str
    config_version: int
    revision: int
    state: State
    reasons: list[DocumentFault]


class Gateway(Answer):
    """One edge worker."""

    gateway_id: str
    slot: int
    boot_id: str
    scope: str
    connected: bool
    revision: int = Field(description="The revision up to which it has acknowledged.")
    last_seen_at: datetime | None
    tenants: list[Delivery]

    @classmethod
    def of(cls, gateway: pb2.Gateway, tenant_id: str | None) -> Self:
        """The worker in the API's form, with no tenant but `tenant_id` when that is given."""
        return cls(
            gateway_id=gateway.instance.gateway_id,
            slot=gateway.instance.slot,
            boot_id=gateway.instance.boot_id,
            scope=gateway.scope,
            connected=gateway.connected,
            revision=gateway.revision,
            last_seen_at=time_of(gateway, "last_seen_time"),
            tenants=_deliveries(each for each in gateway.tenants if tenant_id in (None, each.tenant_id)),
        )


class Gateways(Page[Gateway]):
    """The edge workers."""

    head_revision: int = Field(description="The newest revision of the cluster.")


def _deliveries(deliveries: Iterable[pb2.TenantDelivery]) -> list[Delivery]:
    return [
        Delivery(
            tenant_id=each.tenant_id,
            config_version=each.config_version,
            revision=each.revision,
            state=_STATE[each.state],
            reasons=document_faults(each.reasons),
        )
        for each in deliveries
    ]
