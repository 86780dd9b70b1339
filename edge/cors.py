"""Cross-origin requests (Fetch standard, §3.2): preflights are answered here, other answers get their fields."""

import re
from collections.abc import Sequence

from edge.http.head import Head
from edge.http.line import METHODS
from edge.routing import CorsRules
from edge.snapshot import Rules

EXPOSED = ("X-Request-ID", "RateLimit", "RateLimit-Policy", "Retry-After")
"""Readable by scripts on every answer, so that a page can show why it was refused and when to come back."""
VARY = b"Vary: Origin\r\n"
PREFLIGHT_VARY = b"Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n"
_CREDENTIALS = b"Access-Control-Allow-Credentials: true\r\n"
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")


def allowed_origin(origin: bytes | None, rules: CorsRules) -> bytes | None:
    """The value of Access-Control-Allow-Origin for a request from an origin, or None when that is not allowed."""
    if "*" in rules.origins and not rules.credentials:
        return b"*"
    if origin is None or origin == b"*":
        return None
    return origin if origin.decode("latin-1") in rules.origins else None


def may_open(head: Head, own: bytes, rules: CorsRules | None) -> bool:
    """Whether a page may open a WebSocket, which browsers let any page do and send their cookies along: one of an
    origin that may ask cross-origin, or of the `own` one. Where nothing is told of origins, the upstream is to look."""
    origin = head.read.get(b"origin")
    return origin is None or rules is None or allowed_origin(origin, rules) is not None or origin.lower() == own.lower()


def answer_lines(origin: bytes | None, rules: CorsRules) -> bytes:
    """The header lines of an answer that is no preflight's: only `Vary` where the origin is not allowed. Where any is,
    the answer is the same for all, and says so without `Vary` and even where no origin is told (Fetch, §3.2.5)."""
    answers = rules.answers
    known = answers.get(origin) or answers.get(b"*")
    if known is not None:
        return known
    allowed = allowed_origin(origin, rules)
    if allowed is None:
        lines = VARY
    else:
        exposed = ", ".join(dict.fromkeys((*rules.expose, *EXPOSED)))
        lines = b"%bAccess-Control-Allow-Origin: %b\r\nAccess-Control-Expose-Headers: %b\r\n%b" % (
            b"" if allowed == b"*" else VARY,
            allowed,
            exposed.encode(),
            _CREDENTIALS if rules.credentials else b"",
        )
    if allowed is not None or origin is None:  # else anybody could fill it
        answers[allowed] = lines
    return lines


def is_preflight(head: Head) -> bool:
    """Whether a browser asks for permission, rather than for the resource."""
    return head.method == "OPTIONS" and b"origin" in head.read and b"access-control-request-method" in head.read


def preflight_rules(head: Head, host: str, rules: Rules) -> Sequence[CorsRules | None]:
    """The rules of each route that may take the request that a preflight asks for; the document's where none does.

    There can be several: a preflight has none of the fields that the page will set, so it cannot be known whether
    header conditions will hold.
    """
    method = head.read[b"access-control-request-method"].decode("latin-1")
    path = head.path if head.path is not None else head.lenient_path
    routes = rules.router.possible(host, method, path) if path is not None else []
    found = [route.cors for route in routes if head.path is not None or route.allow_encoded_slashes]
    return list({id(each): each for each in found}.values()) or [rules.cors]


def preflight_lines(head: Head, rules: Sequence[CorsRules | None]) -> bytes | None:
    """The header lines of the answer to a preflight, which allow exactly what is asked for, or nothing; None where the
    upstream answers.

    Never more than is asked for: browsers remember an answer for its URL, and the same URL may be another route, with
    other rules, under another method.
    """
    answering = [each for each in rules if each is not None]
    if not answering:
        return None
    origin, method = head.read[b"origin"], head.read[b"access-control-request-method"]
    names = _names(head.read.get(b"access-control-request-headers", b""))
    allowed = {allowed_origin(origin, each) for each in answering}
    if len(answering) < len(rules) or None in allowed or not all(_allows(each, method, names) for each in answering):
        return PREFLIGHT_VARY
    lines = [
        PREFLIGHT_VARY,
        b"Access-Control-Allow-Origin: %b\r\n" % (b"*" if allowed == {b"*"} else origin),
        b"Access-Control-Allow-Methods: %b\r\n" % method,
        b"Access-Control-Max-Age: %d\r\n" % min(each.max_age for each in answering),
    ]
    if names:
        lines.append(b"Access-Control-Allow-Headers: %b\r\n" % ", ".join(names).encode())
    if all(each.credentials for each in answering):
        lines.append(_CREDENTIALS)
    return b"".join(lines)


def _names(value: bytes) -> list[str]:
    """The field names of Access-Control-Request-Headers in lower case."""
    stripped = (name.strip(" \t") for name in value.decode("latin-1").lower().split(","))
    return [name for name in stripped if name]


def _allows(rules: CorsRules, method: bytes, names: Sequence[str]) -> bool:
    """Whether requests of the method with fields of these names may be sent. `*` stands for any but Authorization, and
    for nothing where there are credentials: an answer that had it would mean something else (Fetch, §3.2.5)."""
    any_method, any_name = (not rules.credentials and "*" in listed for listed in (rules.methods, rules.headers))
    methods, headers = ({*listed} - {"*"} for listed in (rules.methods, rules.headers))
    return (method.decode("latin-1") in methods or (any_method and method in METHODS)) and all(
        name in headers or (any_name and name != "authorization" and _NAME.fullmatch(name) is not None)
        for name in names
    )
