"""The head that goes to the upstream: the client's end-to-end fields, then what only the edge may say, set last."""

import re

from domain.identity_fields import Caller, identity_fields
from edge.http.head import Head
from edge.http.origin import Origin
from edge.principal import Principal
from edge.routing import Route
from edge.snapshot import TenantView

OUR_SECRET = re.compile(rb"\bps[kag]_")
"""Begins an API key, an admin token or a gateway's credential: none of them is an upstream's business."""


def upstream_path(route: Route, path: str) -> str:
    """The path that the upstream sees: as it came, without the route's prefix, or with another in its place."""
    if not route.strip_prefix and not route.rewrite:
        return path
    rest = path[len(route.prefix.rstrip("/")) :]
    replaced = route.rewrite.rstrip("/") + rest
    return replaced if replaced.startswith("/") else f"/{replaced}"


def identity_lines(tenant: TenantView, principal: Principal | None) -> bytes:
    """The identity fields of B18 for an acting tenant and principal, as whole lines. Same input, same octets."""
    caller = None
    if principal is not None:
        caller = Caller(principal.kind.value, principal.id, principal.name, principal.email, principal.role)
    return "".join(f"{name}: {value}\r\n" for name, value in identity_fields(tenant, caller)).encode()


def request_head(
    head: Head, route: Route, fields: bytes, timeout: bytes, request_id: bytes, trace: bytes, identity: bytes
) -> bytes:
    """The octets of the head for the upstream.

    `fields` come from `request_fields`, `identity` from `identity_lines`; `timeout` is the line of `Timeouts`, `trace`
    the line of a trace that starts here.
    """
    return b"%b%b\r\n%b%b\r\n" % (before_request_id(head, route, fields, timeout), request_id, trace, identity)


def before_request_id(head: Head, route: Route, fields: bytes, timeout: bytes) -> bytes:
    """The octets of that head up to the request id."""
    return b"%b %b%b HTTP/1.1\r\n%b%bX-Request-ID: " % (
        head.method.encode(),
        upstream_path(route, head.path or "/").encode(),
        head.query,
        fields,
        timeout,
    )


def request_fields(head: Head, route: Route, authority: bytes, origin: Origin) -> bytes:
    """The field lines that requests with the same fields share, the client's first, framed like the client's request.

    `authority` is the target's own when the client named none.
    """
    authorization = head.read.get(b"authorization")
    if not route.service.forward_authorization or authorization is None or OUR_SECRET.search(authorization):
        passed = b""
    else:
        passed = b"Authorization: %b\r\n" % authorization
    return b"Host: %b\r\n%b%b%b" % (
        head.authority or authority,
        head.block.lines,
        passed,
        origin.lines,
    )
