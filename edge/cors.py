"""Cross-origin requests (Fetch standard, §3.2): preflights are answered here, other answers get their fields."""

from edge.http.head import Head
from edge.snapshot import CorsRules

EXPOSED = ("X-Request-ID", "RateLimit", "RateLimit-Policy", "Retry-After")
"""Readable by scripts on every answer, so that a page can show why it was refused and when to come back."""


def allowed_origin(head: Head, rules: CorsRules) -> bytes | None:
    """The value of Access-Control-Allow-Origin for the request, or None when its origin is not allowed."""
    origin = head.read.get(b"origin")
    if origin is None:
        return None
    if "*" in rules.origins and not rules.credentials:
        return b"*"
    return origin if origin != b"*" and origin.decode("latin-1") in rules.origins else None


def is_preflight(head: Head) -> bool:
    """Whether a browser asks for permission, rather than for the resource."""
    return head.method == "OPTIONS" and b"origin" in head.read and b"access-control-request-method" in head.read


def answer_lines(head: Head, rules: CorsRules) -> bytes:
    """The header lines of an answer to a cross-origin request; only `Vary` when the origin is not allowed."""
    origin = allowed_origin(head, rules)
    if origin is None:
        return b"Vary: Origin\r\n"
    exposed = ", ".join(dict.fromkeys((*rules.expose, *EXPOSED)))
    return b"Vary: Origin\r\nAccess-Control-Allow-Origin: %b\r\nAccess-Control-Expose-Headers: %b\r\n" % (
        origin,
        exposed.encode(),
    ) + (b"Access-Control-Allow-Credentials: true\r\n" if rules.credentials else b"")


def preflight_lines(head: Head, rules: CorsRules) -> bytes:
    """The header lines of the answer to a preflight."""
    origin = allowed_origin(head, rules)
    if origin is None:
        return b"Vary: Origin\r\n"
    lines = [
        b"Vary: Origin\r\nAccess-Control-Allow-Origin: %b\r\n" % origin,
        b"Access-Control-Allow-Methods: %b\r\n" % ", ".join(rules.methods).encode(),
        b"Access-Control-Max-Age: %d\r\n" % rules.max_age,
    ]
    if rules.headers:
        lines.append(b"Access-Control-Allow-Headers: %b\r\n" % ", ".join(rules.headers).encode())
    if rules.credentials:
        lines.append(b"Access-Control-Allow-Credentials: true\r\n")
    return b"".join(lines)
