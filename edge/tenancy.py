"""The two tenants of a request: whose config governs it, and in whose name it acts. No step falls through to the
next after a mismatch, and no unknown tenant ever becomes `default`.
"""

from typing import NamedTuple

from penstock.errors.v1 import error_reason_pb2 as reasons

from domain.tenants import TenantId, parse_tenant_id
from edge.http.credentials import Presented
from edge.http.head import Head
from edge.principal import CredentialKind, Principal, PrincipalKind
from edge.problems import Refusal
from edge.routing import Route
from edge.snapshot import GatewaySnapshot, TenantView

KEY_INVALID = Refusal(reasons.ERROR_REASON_KEY_INVALID, "the API key is not valid")
FORBIDDEN = Refusal(reasons.ERROR_REASON_TENANT_FORBIDDEN, "the credential may not act in this tenant")
NOT_READY = Refusal(reasons.ERROR_REASON_NOT_READY, "no config has been loaded yet")


class Governing(NamedTuple):
    """The config tenant, and whether the request's Host is bound to it."""

    tenant: TenantView
    by_host: bool


def config_tenant(snapshot: GatewaySnapshot, host: str, credential: Presented | None) -> Governing | Refusal:
    """The tenant bound to the host; else the one named inside a well-formed key; else `default`. Without any config
    nothing can be said of a key: that is no 401."""
    if not snapshot.tenants:
        return NOT_READY
    bound = snapshot.by_host.get(host)
    if bound is not None:
        return Governing(bound, by_host=True)
    if credential is not None and credential.key is not None:
        named = snapshot.by_short_id.get(credential.key.tenant_short_id)
        return KEY_INVALID if named is None else Governing(named, by_host=False)
    default = snapshot.default
    return NOT_READY if default is None else Governing(default, by_host=False)


def names_no_tenant(credential: Presented, governing: Governing) -> bool:
    """Whether a malformed API key is why `default` governs: a typing fault in a key should not read as "not found"."""
    return credential.kind is CredentialKind.API_KEY and credential.key is None and not governing.by_host


def requested_tenant(head: Head, route: Route) -> TenantId | Refusal | None:
    """The tenant that the request asks for by header or path; both must agree."""
    by_header = head.read.get(b"x-tenant-id")
    named: TenantId | None = None
    if by_header is not None:
        named = parse_tenant_id(by_header.decode("latin-1"))
        if named is None:
            return Refusal(reasons.ERROR_REASON_BAD_REQUEST, "X-Tenant-ID is not a UUID in lower case")
    if not route.tenant_from_path:
        return named
    segment = (head.path or "")[len(route.prefix.rstrip("/")) + 1 :].partition("/")[0]
    by_path = parse_tenant_id(segment)
    if by_path is None:
        return Refusal(reasons.ERROR_REASON_BAD_REQUEST, "the path does not name a tenant")
    if named is not None and named != by_path:
        return Refusal(reasons.ERROR_REASON_BAD_REQUEST, "X-Tenant-ID and the path name different tenants")
    return by_path


def acting_tenant(
    snapshot: GatewaySnapshot, governing: Governing, principal: Principal | None, requested: TenantId | None
) -> TenantView | Refusal:
    """The tenant in whose name the request acts, after authentication."""
    if principal is None:
        return governing.tenant
    key = principal.kind is PrincipalKind.CONSUMER
    home = principal.tenant_id or governing.tenant.id
    chosen = requested or home
    if key and governing.by_host and governing.tenant.id != home:
        return KEY_INVALID
    if governing.by_host and governing.tenant.id != chosen:
        return FORBIDDEN
    if chosen != home and (key or all(access.tenant_id != chosen for access in principal.tenant_access)):
        return FORBIDDEN
    acting = snapshot.tenants.get(chosen)
    if acting is None:
        return KEY_INVALID if key else FORBIDDEN
    return acting
