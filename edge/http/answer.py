"""The head of an answer to the client: which upstream fields go on, how the body is framed, what the edge adds."""

from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"

ENDS_HERE = frozenset(
    b"connection proxy-connection keep-alive te trailer transfer-encoding upgrade content-length "
    b"proxy-authenticate x-request-id ratelimit ratelimit-policy".split()
)
"""Fields of an upstream's answer that are not passed on: hop-by-hop, framing, and what only the edge says."""
CORS = frozenset(
    b"access-control-allow-origin access-control-allow-credentials access-control-allow-methods "
    b"access-control-allow-headers access-control-expose-headers access-control-max-age "
    b"access-control-allow-private-network".split()
)
"""Not passed on either where the edge answers for the tenant: a browser refuses an answer that has them twice."""
X_RATE_LIMIT = frozenset(b"x-ratelimit-limit x-ratelimit-remaining x-ratelimit-reset".split())
"""Not passed on either where the tenant has the edge say them."""
HSTS = frozenset((b"strict-transport-security",))
"""Not passed on either where the edge says it: browsers take the first of several (RFC 6797 §8.1)."""
WITHHELD = {
    (own_cors, own_limits, own_hsts): (CORS if own_cors else frozenset())
    | (X_RATE_LIMIT if own_limits else frozenset())
    | (HSTS if own_hsts else frozenset())
    for own_cors in (False, True)
    for own_limits in (False, True)
    for own_hsts in (False, True)
}
"""What is left out of an upstream's answers, by whether the edge answers cross-origin requests, and says those."""
_NOTED = ENDS_HERE | {b"date"}
_CONNECTION_OPTIONS = frozenset((b"", b"close", b"keep-alive"))


@dataclass(slots=True)
class Framing:
    """How a body is delimited: by `length` octets, by chunks, or (neither) by the end of the connection."""

    length: int | None
    chunked: bool


NO_BODY = Framing(None, chunked=False)


@lru_cache(maxsize=4)
def date_line(second: int) -> bytes:
    """The Date line of an answer made in this second since 1970 (RFC 9110 §6.6.1)."""
    return b"Date: %b\r\n" % formatdate(second, usegmt=True).encode()


def frame_for_client(upstream: Framing, status: int, *, bodiless: bool, http_11: bool) -> Framing:
    """How the client gets a body that arrives framed like `upstream`. `bodiless`: whether none follows, whatever the
    fields say."""
    if status == HTTPStatus.NO_CONTENT:
        return NO_BODY  # not even a length (RFC 9110 §8.6)
    if bodiless or upstream.length is not None:
        return Framing(upstream.length, chunked=False)
    return Framing(None, chunked=http_11)


def read_answer(
    fields: Iterable[tuple[bytes, bytes]], *, withheld: frozenset[bytes] = frozenset()
) -> tuple[Framing, bytes, bool] | None:
    """How an upstream's body is delimited, the lines that go on to the client, and whether a Date is among them; None
    when the fields contradict each other (RFC 9112 §6.3). `withheld`: fields that the edge says in the upstream's
    place, in lower case."""
    length: int | None = None
    chunked = dated = False
    named: set[bytes] = set()
    lines = []
    for name, value in fields:
        lower = name.lower()
        if lower not in _NOTED:
            if lower not in withheld:
                lines.append((lower, b"%b: %b\r\n" % (name, value)))
        elif lower == b"date":
            lines.append((lower, b"%b: %b\r\n" % (name, value)))
            dated = True
        elif lower == b"connection":
            named |= {option.strip(b" \t") for option in value.lower().split(b",")} - _CONNECTION_OPTIONS
        elif lower == b"content-length":
            if length is not None or not value.isdigit() or len(value) > 18:
                return None
            length = int(value)
        elif lower == b"transfer-encoding":
            if chunked or value.strip().lower() != b"chunked":
                return None
            chunked = True
    if chunked and length is not None:
        return None
    sent = b"".join([line for lower, line in lines if lower not in named])
    return Framing(length, chunked), sent, dated and b"date" not in named


def field_lines(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Fields as they are written."""
    return b"".join([b"%b: %b\r\n" % field for field in fields])


def answer_head(
    status: int,
    lines: bytes,
    framing: Framing,
    *,
    added: bytes,
    keep_alive: bool,
    http_11: bool,
) -> bytes:
    """The octets of an answer's head: `lines` of the answer, its framing, and whole lines that the edge has `added`."""
    start = STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status
    if framing.chunked:
        delimited = b"Transfer-Encoding: chunked\r\n"
    elif framing.length is not None:
        delimited = b"Content-Length: %d\r\n" % framing.length
    else:
        delimited = b""
    if not keep_alive:
        delimited += b"Connection: close\r\n"
    elif not http_11:
        delimited += b"Connection: keep-alive\r\n"
    return b"%b%b%b%b\r\n" % (start, lines, delimited, added)


def chunk(data: bytes) -> bytes:
    """`data` as one chunk (RFC 9112 §7.1)."""
    return b"%x\r\n%b\r\n" % (len(data), data)
