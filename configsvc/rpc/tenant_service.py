"""TenantService: tenants registered, read and changed."""

from typing import Final

from penstock.config.v1 import tenant_pb2, tenant_service_pb2_grpc
from penstock.config.v1 import tenant_service_pb2 as pb
from penstock.errors.v1 import error_reason_pb2 as reasons

from configsvc.claims import OWN_REGISTRATION
from configsvc.fields import FieldChecks
from configsvc.registration import Registrar
from configsvc.tenant_store import TenantStore
from domain.tenants import DEFAULT_SLUG, SLUG
from svckit.errors import Fault
from svckit.ids import uuid7
from svckit.interceptors.shape import Context

UPDATABLE: Final = frozenset({"status", "name", "subscription", "read_only", "hosts", "parent_id", "targets_allow"})
_SETTABLE_STATUSES: Final = frozenset({tenant_pb2.TENANT_STATUS_ACTIVE, tenant_pb2.TENANT_STATUS_SUSPENDED})


class TenantServicer(tenant_service_pb2_grpc.TenantServiceServicer):
    """Serves tenants; DeleteTenant is not served yet (UNIMPLEMENTED)."""

    def __init__(self, tenants: TenantStore, registrar: Registrar) -> None:
        self._tenants = tenants
        self._registrar = registrar

    async def RegisterTenant(self, request: pb.RegisterTenantRequest, _context: Context) -> pb.RegisterTenantResponse:
        """Idempotent by request id; without one, every call is a registration of its own."""
        checks = FieldChecks()
        registration_id = request.request_id or f"{OWN_REGISTRATION}{uuid7()}"
        checks.request_id("request_id", registration_id)
        foreign = not request.request_id.startswith("penstock.")
        checks.expect("request_id", foreign, "must not begin with `penstock.`")
        slug = checks.slug("slug", request.slug)
        checks.expect("slug", slug != DEFAULT_SLUG, "is the built-in tenant's")
        record = tenant_pb2.Tenant(
            slug=slug,
            name=checks.name("name", request.name or slug or "-"),
            hosts=checks.hosts("hosts", request.hosts),
            subscription=request.subscription,
        )
        checks.subscription("subscription", request.subscription)
        if request.parent_id:
            record.parent_id = checks.tenant("parent_id", request.parent_id)
        checks.done()
        if record.parent_id:
            parent = await self._tenants.get(record.parent_id)
            checks.expect("parent_id", parent is not None and parent.config_version > 0, "is not a tenant")
            checks.done()
        tenant, api_key = await self._registrar.register(registration_id, record)
        return pb.RegisterTenantResponse(tenant=await self._tenants.get(tenant), api_key=api_key)

    async def GetTenant(self, request: pb.GetTenantRequest, _context: Context) -> pb.GetTenantResponse:
        """By id or slug; a slug never looks like an id."""
        tenant = await self._tenants.get(request.tenant_id)
        if tenant is None:
            raise Fault(reasons.ERROR_REASON_NOT_FOUND)
        return pb.GetTenantResponse(tenant=tenant)

    async def ListTenants(self, request: pb.ListTenantsRequest, _context: Context) -> pb.ListTenantsResponse:
        """A page token is the slug of the last tenant that was listed."""
        checks = FieldChecks()
        size = checks.page_size("page_size", request.page_size)
        token = request.page_token
        checks.expect("page_token", not token or SLUG.fullmatch(token) is not None, "must come from an answer")
        checks.done()
        tenants = await self._tenants.list(token, size + 1)
        more = len(tenants) > size
        return pb.ListTenantsResponse(tenants=tenants[:size], next_page_token=tenants[size - 1].slug if more else "")

    async def UpdateTenant(self, request: pb.UpdateTenantRequest, _context: Context) -> pb.UpdateTenantResponse:
        """Changes the fields of the mask, all or none."""
        checks, new = FieldChecks(), request.tenant
        tenant = checks.tenant("tenant.id", new.id)
        fields = sorted(set(request.update_mask.paths))
        checks.expect("update_mask", bool(fields), "must name at least one field")
        for field in fields:
            checks.expect("update_mask", field in UPDATABLE, f"must not name {field[:64]!r}")
        if "status" in fields:
            checks.expect("tenant.status", new.status in _SETTABLE_STATUSES, "must be active or suspended")
        if "name" in fields:
            checks.name("tenant.name", new.name)
        if "subscription" in fields:
            checks.subscription("tenant.subscription", new.subscription)
        if "read_only" in fields:
            checks.read_only("tenant.read_only", new.read_only)
        if "hosts" in fields:
            checks.hosts("tenant.hosts", new.hosts)
        if "parent_id" in fields and new.parent_id:
            checks.tenant("tenant.parent_id", new.parent_id)
        checks.done()
        expected = request.expected_state_version if request.HasField("expected_state_version") else None
        return pb.UpdateTenantResponse(tenant=await self._tenants.update(tenant, fields, new, expected))

    async def DeleteTenant(self, _request: pb.DeleteTenantRequest, _context: Context) -> pb.DeleteTenantResponse:
        """Comes with the purge of a tenant's data in every service."""
        raise Fault(reasons.ERROR_REASON_UNIMPLEMENTED)
