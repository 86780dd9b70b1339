"""Snapshots of tenants with limits of descriptors, as configsvc sends them."""

from penstock.config.v1 import config_service_pb2 as pb
from penstock.config.v1 import gateway_config_pb2 as config_pb
from penstock.config.v1 import tenant_pb2

from domain.tenants import DEFAULT_TENANT


def tenant(slug: str, revision: int, *limits: config_pb.DescriptorLimit, tenant_id: str = "") -> pb.TenantSnapshot:
    """A tenant with these limits of descriptors."""
    identifier = DEFAULT_TENANT if slug == "default" else tenant_id or f"id of {slug}"
    return pb.TenantSnapshot(
        revision=revision,
        tenant=tenant_pb2.Tenant(id=identifier, slug=slug),
        config=config_pb.GatewayConfig(limits=config_pb.Limits(descriptors=limits)),
    )


def inheriting(slug: str, revision: int) -> pb.TenantSnapshot:
    """A tenant with the document of `default`."""
    snapshot = tenant(slug, revision)
    snapshot.config.CopyFrom(config_pb.GatewayConfig(inherit_default=True))
    return snapshot
