"""What each header field of a request means to the edge: forwarded, dropped on the way, or only ever set by us.

Spellings are folded before they are compared (`domain.identity_fields` says why).
"""

from enum import IntEnum, auto
from functools import lru_cache

from domain.identity_fields import IDENTITY, fold


class Use(IntEnum):
    """What becomes of a request field."""

    FORWARD = auto()
    """Goes on unchanged."""
    DROP = auto()
    """Ends here: hop-by-hop (RFC 9110 §7.6.1), or a name that only the edge may set."""
    READ = auto()
    """Is read by the edge, at most once per request, and ends here or is written anew."""
    READ_FORWARD = auto()
    """Is read by the edge, at most once per request, and goes on unchanged."""
    REFUSE = auto()
    """Makes the request ambiguous: a second spelling of the name that chooses the tenant."""


HOP_BY_HOP = frozenset(
    b"connection proxy-connection keep-alive te trailer transfer-encoding upgrade http2-settings "
    b"proxy-authenticate proxy-authorization".split()
)

PROXIES = frozenset(
    b"x-forwarded x-real-ip x-client-ip x-cluster-client-ip true-client-ip x-original-forwarded-for "
    b"x-original-host x-original-url x-rewrite-url proxy".split()
)
"""What only a proxy may say: another address, host or path than those that were judged here. `Proxy` becomes the
variable HTTP_PROXY of a CGI program, which sends its own requests there (CVE-2016-5385)."""
PROXY_FAMILY = b"x-forwarded-"
"""Begins many more such names (X-Forwarded-Port, -Prefix, -User …): all of them belong to proxies."""

READ = frozenset(
    b"host content-length transfer-encoding connection expect upgrade authorization x-api-key x-tenant-id "
    b"x-request-id x-forwarded-for x-forwarded-proto x-forwarded-host forwarded traceparent tracestate via "
    b"x-request-timeout".split()
)
"""Read, then written anew or ended here; a second one makes the request ambiguous."""

READ_FORWARD = frozenset(
    b"origin user-agent content-type access-control-request-method access-control-request-headers".split()
)

CLAIMS = frozenset(b"x-forwarded-for x-forwarded-proto x-forwarded-host forwarded x-request-timeout".split())
"""Of those read, what only trusted proxies are believed."""

LISTS = CLAIMS | frozenset(b"connection traceparent tracestate via access-control-request-headers".split())
"""Of those read, the ones that may stand in several lines, which then count as one list (RFC 9110 §5.3). A list of
two traces is none."""

PROTECTED = IDENTITY | READ | HOP_BY_HOP | PROXIES
"""What Connection must not name and what no folded spelling may imitate."""

NO_TRAILER = PROTECTED | frozenset(
    b"cache-control content-encoding content-range content-type cookie cookie2 max-forwards pragma range set-cookie "
    b"date content-location accept-encoding".split()
)
"""What must not come behind a body, folded: framing, routing, identity, conditions (RFC 9110 §6.5.1)."""


def _classify(name: bytes) -> tuple[bytes, Use]:
    lower, folded = name.lower(), fold(name)
    if lower != folded and folded in PROTECTED:
        return lower, Use.REFUSE if folded == b"x-tenant-id" else Use.DROP
    if lower in READ:
        return lower, Use.READ
    if lower in READ_FORWARD:
        return lower, Use.READ_FORWARD
    if lower in PROTECTED or folded.startswith(PROXY_FAMILY):
        return lower, Use.DROP
    return lower, Use.FORWARD


_remembered = lru_cache(maxsize=4096)(_classify)


def classify(name: bytes) -> tuple[bytes, Use]:
    """The lower-case name and the use of a field. Spellings are remembered, because clients repeat them."""
    return _remembered(name) if len(name) <= 64 else _classify(name)
