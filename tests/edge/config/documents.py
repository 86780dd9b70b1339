"""Small config documents and stream events for the tests of this folder."""

from google.protobuf import text_format
from penstock.config.v1 import config_service_pb2 as pb
from penstock.config.v1 import gateway_config_pb2, tenant_pb2

from domain.tenants import DEFAULT_TENANT, TenantId

ACME = TenantId("01900000-0000-7000-8000-00000000acae")
BETA = TenantId("01900000-0000-7000-8000-00000000be7a")

SALES = """
services { name: "sales" targets { url: "http://127.0.0.1:9001" } }
routes { name: "sales" prefix: "/api/v1/sales" service: "sales" }
"""
INHERIT = "inherit_default: true"


def config(text: str) -> gateway_config_pb2.GatewayConfig:
    return text_format.Parse(text, gateway_config_pb2.GatewayConfig())


def snapshot(
    tenant: TenantId,
    revision: int,
    document: str = SALES,
    *,
    version: int = 1,
    hosts: tuple[str, ...] = (),
    status: "tenant_pb2.TenantStatus.ValueType" = tenant_pb2.TENANT_STATUS_ACTIVE,
) -> pb.WatchConfigResponse:
    """A tenant's newest state as configsvc would send it."""
    record = tenant_pb2.Tenant(
        id=tenant,
        short_id="0" * 8 if tenant == DEFAULT_TENANT else tenant[-8:],
        slug=tenant[-4:],
        status=status,
        hosts=hosts,
        config_version=version,
    )
    return pb.WatchConfigResponse(
        snapshot=pb.TenantSnapshot(
            revision=revision, tenant=record, config=config(document), config_hash=f"hash of {document}"
        )
    )


def tombstone(tenant: TenantId, revision: int) -> pb.WatchConfigResponse:
    return pb.WatchConfigResponse(tombstone=pb.TenantTombstone(revision=revision, tenant_id=tenant))
