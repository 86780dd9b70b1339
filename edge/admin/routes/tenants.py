"""Tenants: register, read, change, delete."""

from typing import Annotated

from fastapi import Header, Query, Response
from penstock.config.v1 import tenant_service_pb2 as pb2
from penstock.errors.v1 import error_reason_pb2 as reasons

from edge.admin.access import reserved_fields
from edge.admin.admission import Asking, Called, Entered, Noted
from edge.admin.conditional import entity_tag, expected_version
from edge.admin.models.shapes import Identifier, Page, Paging
from edge.admin.models.tenants import Registered, Tenant, TenantGiven, TenantPatch
from svckit.errors import Fault, FieldFault


async def register_tenant(
    given: TenantGiven,
    services: Called,
    act: Noted,
    idempotency_key: Annotated[
        Identifier | None,
        Header(description="Repeating a registration with the same value finishes it and makes a new key."),
    ] = None,
) -> Registered:
    """Make a tenant with its schemas, its first config and its first API key."""
    answer = await services.tenants.RegisterTenant(given.message(idempotency_key or ""))
    act.facts["tenant_id"] = answer.tenant.id
    return Registered(
        tenant=Tenant.of(answer.tenant), api_key=answer.api_key, config_version=answer.tenant.config_version
    )


async def list_tenants(paging: Annotated[Paging, Query()], services: Called, bearer: Asking) -> Page[Tenant]:
    """List tenants by slug; with a tenant's token, only that tenant."""
    if bearer.tenant_id is not None:
        own = await services.tenants.GetTenant(pb2.GetTenantRequest(tenant_id=bearer.tenant_id))
        return Page(items=[Tenant.of(own.tenant)], next_cursor=None)
    wanted = pb2.ListTenantsRequest(page_size=paging.limit, page_token=paging.cursor)
    answer = await services.tenants.ListTenants(wanted)
    return Page(items=[Tenant.of(each) for each in answer.tenants], next_cursor=answer.next_page_token or None)


async def get_tenant(tenant: Entered, response: Response) -> Tenant:
    """Get one tenant. The ETag is its state version."""
    response.headers["ETag"] = entity_tag(tenant.state_version)
    return Tenant.of(tenant)


async def update_tenant(
    patch: TenantPatch,
    tenant: Entered,
    services: Called,
    bearer: Asking,
    response: Response,
    if_match: Annotated[str | None, Header(description="The state version that the change is based on.")] = None,
) -> Tenant:
    """Change parts of a tenant's record. With a tenant's token, only its name."""
    if reserved := reserved_fields(bearer, patch.model_fields_set):
        fields = tuple(FieldFault(name, "may be changed by operators only") for name in reserved)
        raise Fault(reasons.ERROR_REASON_ROLE_REQUIRED, fields=fields)
    answer = await services.tenants.UpdateTenant(patch.message(tenant.id, expected_version(if_match)))
    response.headers["ETag"] = entity_tag(answer.tenant.state_version)
    return Tenant.of(answer.tenant)


async def delete_tenant(tenant: Entered, services: Called) -> Tenant:
    """Mark a tenant for deletion."""
    answer = await services.tenants.DeleteTenant(pb2.DeleteTenantRequest(tenant_id=tenant.id))
    return Tenant.of(answer.tenant)
