"""The two tenants of a request: whose config governs it, and in whose name it acts, by the rules of `domain.access`."""

from domain import access
from domain.access import Actor, Denied, Governing
from domain.api_keys import may_be_imported
from domain.tenants import TenantId, parse_tenant_id
from edge.http.credentials import Presented
from edge.http.head import Head
from edge.principal import CredentialKind, Principal, PrincipalKind
from edge.problems import Refusal, bad_request, refusal_of
from edge.routing import Route
from edge.snapshot import GatewaySnapshot, TenantView

KEY_INVALID = refusal_of(access.KEY_INVALID)
NOT_READY = refusal_of(access.NOT_READY)


def config_tenant(
    snapshot: GatewaySnapshot, host: str, credential: Presented | None
) -> Governing[TenantView] | Refusal:
    """The tenant bound to the host; else the one named inside a well-formed key; else `default`. Without any config
    nothing can be said of a key: that is no 401."""
    if not snapshot.tenants:
        return NOT_READY
    key = None if credential is None else credential.key
    named = None if key is None else key.tenant_short_id
    found = access.governing_tenant(snapshot.by_host.get(host), named, snapshot.by_short_id, snapshot.default)
    return refusal_of(found) if isinstance(found, Denied) else found


def credential_kind(credential: Presented, governing: Governing[TenantView]) -> CredentialKind:
    """What the credential counts as: what is no key of ours may be one that its config tenant has imported."""
    kind, key = credential.kind, credential.key
    if kind is not CredentialKind.API_KEY or key is not None or not governing.tenant.rules.imported_keys:
        return kind
    return CredentialKind.IMPORTED_KEY if may_be_imported(credential.value) else kind


def names_no_tenant(credential: Presented, governing: Governing[TenantView]) -> bool:
    """Whether a malformed API key is why `default` governs: a typing fault in a key should not read as "not found"."""
    return credential.kind is CredentialKind.API_KEY and credential.key is None and not governing.by_host


def requested_tenant(head: Head, route: Route) -> TenantId | Refusal | None:
    """The tenant that the request asks for by header or path; both must agree."""
    by_header = head.read.get(b"x-tenant-id")
    named: TenantId | None = None
    if by_header is not None:
        named = parse_tenant_id(by_header.decode("latin-1"))
        if named is None:
            return bad_request("X-Tenant-ID is not a UUID in lower case")
    if not route.tenant_from_path:
        return named
    segment = (head.path or "")[len(route.prefix.rstrip("/")) + 1 :].partition("/")[0]
    by_path = parse_tenant_id(segment)
    if by_path is None:
        return bad_request("the path does not name a tenant")
    if named is not None and named != by_path:
        return bad_request("X-Tenant-ID and the path name different tenants")
    return by_path


def acting_tenant(
    snapshot: GatewaySnapshot, governing: Governing[TenantView], principal: Principal | None, requested: TenantId | None
) -> TenantView | Refusal:
    """The tenant in whose name the request acts, after authentication."""
    if principal is None:
        return governing.tenant
    actor = Actor(
        principal.tenant_id or governing.tenant.id,
        principal.kind is PrincipalKind.CONSUMER,
        [each.tenant_id for each in principal.tenant_access],
    )
    found = access.acting_tenant(snapshot.tenants, governing, actor, requested)
    return refusal_of(found) if isinstance(found, Denied) else found
