"""Tenants, and requests to their places as another gateway describes them."""

from collections.abc import Mapping
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from penstock.config.v1 import config_service_pb2, gateway_config_pb2, tenant_pb2
from penstock.envoy.v3 import authorization_pb2 as pb

from authsvc.authorization.tenants import Tenants
from domain import api_keys
from domain.tenants import DEFAULT_TENANT

ACME = "0192c7a0-0000-7000-8000-00000000000a"
BOLT = "0192c7a0-0000-7000-8000-00000000000b"
FROZEN = "0192c7a0-0000-7000-8000-00000000000f"


def key(short_id: str = "acmeacme", key_id: str = "keykey00") -> bytes:
    """A well-formed key of the tenant."""
    return api_keys.compose(True, short_id, key_id, bytes(32)).value


def snapshot(
    slug: str,
    tenant_id: str,
    short_id: str,
    *,
    hosts: tuple[str, ...] = (),
    status: tenant_pb2.TenantStatus.ValueType = tenant_pb2.TENANT_STATUS_ACTIVE,
    tier: str = "",
    valid_until: int | None = None,
    read_only: bool = False,
    parent: str = "",
    demo: bool = False,
    tiers: tuple[str, ...] | None = None,
) -> config_service_pb2.TenantSnapshot:
    """A tenant as configsvc tells of it; without `tiers` it inherits the document of `default`."""
    record = tenant_pb2.Tenant(
        id=tenant_id,
        slug=slug,
        short_id=short_id,
        status=status,
        hosts=hosts,
        parent_id=parent,
        kind=tenant_pb2.TENANT_KIND_DEMO if demo else tenant_pb2.TENANT_KIND_STANDARD,
        subscription=tenant_pb2.Subscription(
            tier=tier, valid_until=None if valid_until is None else Timestamp(seconds=valid_until)
        ),
        read_only=tenant_pb2.ReadOnly(on=read_only, reason="moving"),
    )
    config = gateway_config_pb2.GatewayConfig(inherit_default=True)
    if tiers is not None:
        rules = gateway_config_pb2.SubscriptionPolicy(grace=Duration(seconds=100), tiers=tiers)
        config = gateway_config_pb2.GatewayConfig(subscription=rules)
    return config_service_pb2.TenantSnapshot(tenant=record, config=config)


def known(*snapshots: config_service_pb2.TenantSnapshot) -> Tenants:
    """Those tenants, `default`, acme (bound to api.acme.com), bolt, and frozen, which is read-only."""
    tenants = Tenants()
    tenants.put(snapshot("default", DEFAULT_TENANT, "default0", tiers=("low", "high")))
    tenants.put(snapshot("acme", ACME, "acmeacme", hosts=("api.acme.com",)))
    tenants.put(snapshot("bolt", BOLT, "boltbolt"))
    tenants.put(snapshot("frozen", FROZEN, "frozen00", read_only=True))
    for each in snapshots:
        tenants.put(each)
    return tenants


def check(
    fields: Mapping[str, bytes] | None = None,
    extensions: Mapping[str, str] | None = None,
    *,
    host: bytes = b"envoy",
    method: bytes = b"GET",
    path: bytes = b"/things?q=1",
    header_map: Any = (),
) -> pb.CheckRequest:
    """The question about a request with these fields, at a place with these extensions."""
    http = pb.AttributeContext.HttpRequest(
        method=method,
        path=path,
        host=host,
        headers={":authority": host, **(fields or {})},
        header_map=pb.AttributeContext.HeaderMap(
            headers=[pb.AttributeContext.Header(key=name, raw_value=value) for name, value in header_map]
        ),
    )
    return pb.CheckRequest(
        attributes=pb.AttributeContext(
            request=pb.AttributeContext.Request(http=http), context_extensions=dict(extensions or {})
        )
    )
