"""Tenants: their records, registration and change."""

from datetime import datetime
from typing import Annotated, Literal, Self

from google.protobuf.field_mask_pb2 import FieldMask
from penstock.config.v1 import tenant_pb2, tenant_service_pb2
from pydantic import Field, model_validator

from edge.admin.models.shapes import Answer, Body, Label, Name
from edge.admin.models.times import GivenTime, stamp_of, time_of

Slug = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
Host = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[a-z0-9.-]+$")]
Hosts = Annotated[list[Host], Field(max_length=100)]
ParentId = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
SubscriptionStatus = Literal["active", "trialing", "past_due", "canceled"]
Status = Literal["provisioning", "active", "suspended", "deleting"]

_STATUS: dict[int, Status] = {
    tenant_pb2.TENANT_STATUS_PROVISIONING: "provisioning",
    tenant_pb2.TENANT_STATUS_ACTIVE: "active",
    tenant_pb2.TENANT_STATUS_SUSPENDED: "suspended",
    tenant_pb2.TENANT_STATUS_DELETING: "deleting",
}
_WANTED = {"active": tenant_pb2.TENANT_STATUS_ACTIVE, "suspended": tenant_pb2.TENANT_STATUS_SUSPENDED}


class SubscriptionGiven(Body):
    """What a tenant subscribes to."""

    tier: Label = ""
    status: SubscriptionStatus = "active"
    valid_until: GivenTime | None = None

    def message(self) -> tenant_pb2.Subscription:
        """The same in the contract's form."""
        return tenant_pb2.Subscription(tier=self.tier, status=self.status, valid_until=stamp_of(self.valid_until))


class ReadOnlyGiven(Body):
    """Whether a tenant's data may be changed."""

    on: bool
    reason: Annotated[str, Field(max_length=256, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    until: GivenTime | None = None

    def message(self) -> tenant_pb2.ReadOnly:
        """The same in the contract's form."""
        return tenant_pb2.ReadOnly(on=self.on, reason=self.reason, until=stamp_of(self.until))


class TenantGiven(Body):
    """A tenant to register."""

    slug: Slug
    name: Name | None = Field(default=None, description="Default: the slug.")
    hosts: Hosts = Field(default=[])
    parent_id: ParentId | None = None
    subscription: SubscriptionGiven | None = None

    def message(self, request_id: str) -> tenant_service_pb2.RegisterTenantRequest:
        """The registration in the contract's form."""
        return tenant_service_pb2.RegisterTenantRequest(
            request_id=request_id,
            slug=self.slug,
            name=self.name or self.slug,
            hosts=self.hosts,
            parent_id=self.parent_id or "",
            subscription=self.subscription.message() if self.subscription else None,
        )


class TenantPatch(Body):
    """Changes of a tenant's record: what is absent stays; each given member replaces the whole of its field."""

    name: Name | None = None
    status: Literal["active", "suspended"] | None = None
    subscription: SubscriptionGiven | None = None
    read_only: ReadOnlyGiven | None = None
    hosts: Hosts | None = None
    parent_id: ParentId | None = Field(default=None, description="Null takes the parent away.")
    targets_allow: bool | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("names nothing to change")
        empty = [name for name in self.model_fields_set - {"parent_id"} if getattr(self, name) is None]
        if empty:
            raise ValueError(f"null is no value for {', '.join(sorted(empty))}")
        return self

    def message(self, tenant_id: str, expected: int | None) -> tenant_service_pb2.UpdateTenantRequest:
        """The change in the contract's form, based on state version `expected` when given."""
        tenant = tenant_pb2.Tenant(
            id=tenant_id,
            name=self.name or "",
            status=_WANTED.get(self.status or "", tenant_pb2.TENANT_STATUS_UNSPECIFIED),
            subscription=self.subscription.message() if self.subscription else None,
            read_only=self.read_only.message() if self.read_only else None,
            hosts=self.hosts or [],
            parent_id=self.parent_id or "",
            targets_allow=bool(self.targets_allow),
        )
        mask = FieldMask(paths=sorted(self.model_fields_set))
        return tenant_service_pb2.UpdateTenantRequest(tenant=tenant, update_mask=mask, expected_state_version=expected)


class Subscription(Answer):
    """What a tenant has subscribed to."""

    tier: str | None
    status: str
    valid_until: datetime | None


class ReadOnly(Answer):
    """Whether a tenant's data may be changed."""

    on: bool
    reason: str | None
    until: datetime | None


class Tenant(Answer):
    """A tenant's record."""

    id: str
    short_id: str
    slug: str
    name: str
    status: Status
    kind: Literal["standard", "demo"]
    parent_id: str | None
    hosts: list[str]
    subscription: Subscription
    read_only: ReadOnly
    targets_allow: bool
    config_version: int
    state_version: int
    created_at: datetime | None

    @classmethod
    def of(cls, tenant: tenant_pb2.Tenant) -> Self:
        """The record in the API's form."""
        subscription, read_only = tenant.subscription, tenant.read_only
        return cls(
            id=tenant.id,
            short_id=tenant.short_id,
            slug=tenant.slug,
            name=tenant.name,
            status=_STATUS[tenant.status],
            kind="demo" if tenant.kind == tenant_pb2.TENANT_KIND_DEMO else "standard",
            parent_id=tenant.parent_id or None,
            hosts=list(tenant.hosts),
            subscription=Subscription(
                tier=subscription.tier or None,
                status=subscription.status or "active",
                valid_until=time_of(subscription, "valid_until"),
            ),
            read_only=ReadOnly(on=read_only.on, reason=read_only.reason or None, until=time_of(read_only, "until")),
            targets_allow=tenant.targets_allow,
            config_version=tenant.config_version,
            state_version=tenant.state_version,
            created_at=time_of(tenant, "create_time"),
        )


class Registered(Answer):
    """A new tenant and its first key."""

    tenant: Tenant
    api_key: str = Field(description="The first API key, shown this once.")
    config_version: int
