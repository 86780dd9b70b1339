"""The request line as it was sent. The parser shows neither a second space nor another protocol's name, so the octets
are judged before it has them (RFC 9112 §2.2, §3).
"""

import re
from typing import NamedTuple

from penstock.errors.v1 import error_reason_pb2 as reasons

from edge.problems import Refusal, bad_request

_METHODS = b"GET HEAD POST PUT PATCH DELETE OPTIONS".split()
METHODS = {method: method.decode() for method in _METHODS}
"""Those that are served, and each as a text."""
_ALLOW = b", ".join(_METHODS)
_EMPTY_LINES = rb"(?:\r\n){0,2}"
"""What some clients send behind a body: ignored, within reason."""
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_LINE = re.compile(_EMPTY_LINES + rb"((%b) ([!-~]+) HTTP/(1\.[01]))\r\n" % _TOKEN)
_PROTOCOL_BEGUN = rb"(?:H|HT|HTT|HTTP|HTTP/|HTTP/1|HTTP/1\.|HTTP/1\.[01]\r?)?"
_BEGUN = re.compile(rb"\r?|%b(?: (?:[!-~]+(?: %b)?)?)?" % (_TOKEN, _PROTOCOL_BEGUN))
_BEFORE = re.compile(_EMPTY_LINES)


class RequestLine(NamedTuple):
    """A request line that can be read in one way only. `octets` has its end and empty lines before it, too; `version`
    is 1.1 or 1.0."""

    octets: bytes
    method: bytes
    target: bytes
    version: str


def read_line(raw: bytes, line_bytes: int) -> RequestLine | Refusal | None:
    """The request line at the beginning of `raw`; None as long as it is not whole, a refusal as soon as it
    cannot become one. `line_bytes` bounds it without its end."""
    found = _LINE.match(raw)
    if found is None:
        return _begun(raw, line_bytes)
    line, method, target, version = found.groups()
    if len(line) > line_bytes:
        return _too_long(line_bytes)
    if method not in METHODS:
        return Refusal(
            reasons.ERROR_REASON_METHOD_NOT_ALLOWED, "method is not served here", fields=((b"Allow", _ALLOW),)
        )
    return RequestLine(found[0], method, target, version.decode("ascii"))


def _begun(raw: bytes, line_bytes: int) -> Refusal | None:
    """Why no line can come of what is there. No octet beyond the bound counts, so that it is one answer however the
    octets come."""
    before = _BEFORE.match(raw)
    at = before.end() if before is not None else 0
    begun = raw[at : at + line_bytes + 1]
    if _BEGUN.fullmatch(begun) is None:
        return bad_request("request line is not a method, a target and HTTP/1.1 or 1.0")
    return _too_long(line_bytes) if len(begun.removesuffix(b"\r")) > line_bytes else None


def _too_long(line_bytes: int) -> Refusal:
    return Refusal(reasons.ERROR_REASON_URI_TOO_LONG, f"request line is longer than {line_bytes} octets")
