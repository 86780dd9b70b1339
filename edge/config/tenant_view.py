"""Turns a tenant's record from the stream into the view that requests are judged by. Pure."""

from collections.abc import Mapping

from google.protobuf.timestamp_pb2 import Timestamp
from penstock.config.v1 import tenant_pb2 as pb

from domain.tenants import DEFAULT_TENANT, SHORT_ID, TenantId, parse_tenant_id
from edge.config.reasons import Reasons, Refused
from edge.routing import Router
from edge.snapshot import ReadOnly, Rules, Subscription, TenantStatus, TenantView

NO_RULES = Rules(DEFAULT_TENANT, 0, Router(()))
"""What a tenant has while there is nothing to inherit: no route."""

_STATUS: Mapping[int, TenantStatus] = {
    pb.TENANT_STATUS_PROVISIONING: TenantStatus.PROVISIONING,
    pb.TENANT_STATUS_ACTIVE: TenantStatus.ACTIVE,
    pb.TENANT_STATUS_SUSPENDED: TenantStatus.SUSPENDED,
    pb.TENANT_STATUS_DELETING: TenantStatus.DELETING,
}


def tenant_view(tenant: TenantId, record: pb.Tenant, rules: Rules) -> TenantView | Refused:
    """The view of a tenant under `rules`, or why its record cannot be understood."""
    reasons = Reasons("tenant")
    status = _STATUS.get(record.status)
    parent = parse_tenant_id(record.parent_id) if record.parent_id else None
    if status is None:
        reasons.at("status").add("is not known to this gateway")
    if record.parent_id and parent is None:
        reasons.at("parent_id").add("is not a tenant id")
    if not SHORT_ID.fullmatch(record.short_id):
        reasons.at("short_id").add("is not a short id")
    if status is None or reasons.found:
        return Refused(tuple(reasons.found))
    return TenantView(
        id=tenant,
        short_id=record.short_id,
        slug=record.slug,
        status=status,
        rules=rules,
        demo=record.kind == pb.TENANT_KIND_DEMO,
        parent_id=parent,
        hosts=tuple(record.hosts),
        subscription=Subscription(
            record.subscription.tier,
            record.subscription.status or "active",
            _seconds(record.subscription.valid_until) if record.subscription.HasField("valid_until") else None,
        ),
        read_only=ReadOnly(
            record.read_only.on,
            record.read_only.reason,
            _seconds(record.read_only.until) if record.read_only.HasField("until") else None,
        ),
        targets_allow=record.targets_allow,
        state_version=record.state_version,
    )


def _seconds(time: Timestamp) -> float:
    return time.seconds + time.nanos / 1_000_000_000
