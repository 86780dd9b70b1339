"""The head that goes to the upstream: the client's end-to-end fields, then what only the edge may say, set last."""

import re

from edge.http.head import Head
from edge.principal import Principal
from edge.routing import Route
from edge.snapshot import TenantView

OUR_SECRET = re.compile(rb"\bps[kag]_")
"""Begins an API key, an admin token or a gateway's credential: none of them is an upstream's business."""
_LINE_BREAKS = str.maketrans("", "", "".join(map(chr, (*range(0x20), 0x7F))))


def upstream_path(route: Route, path: str) -> str:
    """The path that the upstream sees: as it came, without the route's prefix, or with another in its place."""
    if not route.strip_prefix and not route.rewrite:
        return path
    rest = path[len(route.prefix.rstrip("/")) :]
    replaced = route.rewrite.rstrip("/") + rest
    return replaced if replaced.startswith("/") else f"/{replaced}"


def identity_lines(tenant: TenantView, principal: Principal | None) -> bytes:
    """The identity fields of B18 for an acting tenant and principal, as whole lines. Same input, same octets."""
    pairs = [
        ("X-Tenant-ID", tenant.id),
        ("X-Parent-Tenant-ID", tenant.parent_id or ""),
        ("X-Subscription-Tier", tenant.subscription.tier),
        ("X-Subscription-Status", tenant.subscription.status),
        ("X-Is-Demo", "true" if tenant.demo else "false"),
        ("X-Forwarded-By", "penstock"),
    ]
    if principal is not None:
        service = principal.kind.value == "service"
        pairs += [
            ("X-User-ID", f"{principal.name}-service" if service else principal.id),
            ("X-User-Email", f"{principal.name}-service@internal" if service else principal.email),
            ("X-User-Role", principal.role),
            ("X-User-Type", principal.kind.value),
            ("X-Service-Name", principal.name if service else ""),
        ]
    return "".join(f"{name}: {_clean(value)}\r\n" for name, value in pairs if value).encode()


def _clean(value: str) -> str:
    """A value without control characters: a name must never end a header line."""
    return value.translate(_LINE_BREAKS)


def request_head(head: Head, route: Route, fields: bytes, request_id: bytes) -> bytes:
    """The octets of the head for the upstream; `fields` come from `request_fields`."""
    return b"%b %b%b HTTP/1.1\r\n%bX-Request-ID: %b\r\n\r\n" % (
        head.method.encode(),
        upstream_path(route, head.path or "/").encode(),
        head.query,
        fields,
        request_id,
    )


def request_fields(
    head: Head, route: Route, *, authority: bytes, client_address: bytes, scheme: bytes, identity: bytes
) -> bytes:
    """The field lines that requests with the same fields share, the client's first, framed like the client's request.

    `authority` is the target's own when the client named none; `identity` comes from `identity_lines`.
    """
    read = head.read
    forwarded_for = read.get(b"x-forwarded-for")
    parts = [b"Host: %b\r\n" % (head.authority or authority), head.block.lines]
    authorization = read.get(b"authorization")
    if authorization is not None and route.service.forward_authorization and not OUR_SECRET.search(authorization):
        parts.append(b"Authorization: %b\r\n" % authorization)
    parts.append(
        b"X-Forwarded-For: %b\r\nX-Forwarded-Proto: %b\r\nX-Forwarded-Host: %b\r\nForwarded: for=%b;proto=%b\r\n"
        b"Via: %b penstock\r\n%b"
        % (
            client_address if forwarded_for is None else b"%b, %b" % (forwarded_for, client_address),
            scheme,
            head.authority,
            b'"[%b]"' % client_address if b":" in client_address else client_address,
            scheme,
            b"1.1" if head.block.http_11 else b"1.0",
            identity,
        )
    )
    return b"".join(parts)
