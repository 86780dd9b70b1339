"""The strict gate: what httptools accepted becomes a `Head` that can be read in one way only, or a refusal.

Holds what the parser leaves lenient (RFC 9112 §3.2, §6.1, §6.3; RFC 9110 §7.2, §10.1.1). After a refusal here
the connection is closed: its framing cannot be trusted.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from penstock.errors.v1 import error_reason_pb2 as reasons

from edge.http.fields import LISTS, PROTECTED, Use, classify, fold
from edge.http.path import canonical_path
from edge.problems import Refusal

METHODS = frozenset(b"GET HEAD POST PUT PATCH DELETE OPTIONS".split())
BODILESS = frozenset(("GET", "HEAD", "DELETE", "OPTIONS"))
_HOST = re.compile(rb"([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?\.?|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?")
_LENGTH = re.compile(rb"\d{1,18}")
_TOKENS = re.compile(rb"[ \t]*,[ \t]*")


@dataclass(frozen=True, slots=True)
class HeadLimits:
    """Bounds of a head: octets of the request line and of all fields together, number of fields."""

    line_bytes: int = 8 * 1024
    fields_bytes: int = 32 * 1024
    field_count: int = 100


@dataclass(slots=True)
class Head:
    """A request head that can be read in one way only.

    `path` is canonical or None when it is ambiguous; `query` includes its `?`; `host` is lower-case without port;
    `read` holds the fields that the edge reads itself, `fields` those that go on to the upstream.
    """

    method: str
    raw_path: bytes
    path: str | None
    query: bytes
    host: str
    authority: bytes
    keep_alive: bool
    http_11: bool
    content_length: int
    chunked: bool
    read: dict[bytes, bytes]
    fields: list[tuple[bytes, bytes]]

    @property
    def lenient_path(self) -> str | None:
        """The canonical path for routes that take encoded slashes, or None when it is ambiguous even so."""
        return canonical_path(self.raw_path, allow_encoded_slashes=True)

    def by_name(self) -> dict[bytes, bytes]:
        """All fields by lower-case name, repeated ones joined as a list; for routes with header conditions."""
        named = dict(self.read)
        for name, value in self.fields:
            lower = name.lower()
            if lower not in self.read:
                named[lower] = b"%b, %b" % (named[lower], value) if lower in named else value
        return named

    @property
    def has_body(self) -> bool:
        """Whether octets of a body follow the head."""
        return self.chunked or self.content_length > 0

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits for `100 Continue` before it sends the body."""
        return b"expect" in self.read and self.has_body


def _bad(detail: str) -> Refusal:
    return Refusal(reasons.ERROR_REASON_BAD_REQUEST, detail)


def read_head(
    method: bytes, version: str, target: bytes, raw_fields: Sequence[tuple[bytes, bytes]], limits: HeadLimits
) -> Head | Refusal:
    """Judges a parsed head. `target` is the request target as sent, `raw_fields` in order and as spelled."""
    if version not in ("1.1", "1.0"):
        return _bad("HTTP version is not 1.0 or 1.1")
    if method not in METHODS:
        return Refusal(reasons.ERROR_REASON_METHOD_NOT_ALLOWED, "method is not served here")
    if len(target) > limits.line_bytes:
        return Refusal(reasons.ERROR_REASON_URI_TOO_LONG, f"request line is longer than {limits.line_bytes} octets")
    if len(raw_fields) > limits.field_count:
        return Refusal(reasons.ERROR_REASON_HEADERS_TOO_LARGE, f"more than {limits.field_count} header fields")
    read: dict[bytes, bytes] = {}
    fields: list[tuple[bytes, bytes]] = []
    for field in raw_fields:
        lower, use = classify(field[0])
        if use is Use.FORWARD:
            fields.append(field)
        elif use is Use.REFUSE:
            return _bad("X-Tenant-ID is spelled in another way")
        elif use is not Use.DROP:
            if lower in read:
                if lower not in LISTS:
                    return _repeated(lower)
                read[lower] += b", " + field[1]
            else:
                read[lower] = field[1]
            if use is Use.READ_FORWARD:
                fields.append(field)
    connection = read.get(b"connection")
    keep_alive = version == "1.1"
    if connection is not None:
        options = {option for option in _TOKENS.split(connection.strip(b" \t").lower()) if option}
        named = {fold(option) for option in options} - {b"close", b"keep-alive", b"upgrade", b"te", b"http2-settings"}
        if named & PROTECTED:
            return _bad("Connection names a field that may not be removed")
        fields = [field for field in fields if fold(field[0]) not in named]
        keep_alive = b"close" not in options and (keep_alive or b"keep-alive" in options)
    if b"authorization" in read and b"x-api-key" in read:
        return Refusal(reasons.ERROR_REASON_CREDENTIALS_CONFLICT, "both Authorization and X-API-Key")
    framing = _framing(read, version)
    if isinstance(framing, Refusal):
        return framing
    if read.get(b"expect", b"100-continue").lower() != b"100-continue":
        return Refusal(reasons.ERROR_REASON_EXPECTATION_FAILED, "only 100-continue can be expected")
    placed = _place(target, read.get(b"host"), version)
    if isinstance(placed, Refusal):
        return placed
    host, authority, raw_path, query = placed
    return Head(
        method=method.decode("ascii"),
        raw_path=raw_path,
        path=canonical_path(raw_path),
        query=query,
        host=host,
        authority=authority,
        keep_alive=keep_alive,
        http_11=version == "1.1",
        content_length=framing[0],
        chunked=framing[1],
        read=read,
        fields=fields,
    )


def _repeated(name: bytes) -> Refusal:
    if name in (b"authorization", b"x-api-key"):
        return Refusal(reasons.ERROR_REASON_CREDENTIALS_CONFLICT, "more than one credential")
    return _bad(f"header field {name.decode('ascii')} is repeated")


def _framing(read: dict[bytes, bytes], version: str) -> tuple[int, bool] | Refusal:
    """The declared length of the body, and whether it is chunked instead."""
    coding, length = read.get(b"transfer-encoding"), read.get(b"content-length")
    if coding is not None:
        if length is not None:
            return _bad("both Transfer-Encoding and Content-Length")
        if version != "1.1" or coding.strip(b" \t").lower() != b"chunked":
            return _bad("the only transfer coding is chunked, over HTTP/1.1")
        return 0, True
    if length is None:
        return 0, False
    if not _LENGTH.fullmatch(length):
        return _bad("Content-Length is not a decimal number of octets")
    return int(length), False


def _place(target: bytes, host: bytes | None, version: str) -> tuple[str, bytes, bytes, bytes] | Refusal:
    """Host, authority, path and query of the request target (RFC 9112 §3.2)."""
    authority = host
    if not target.startswith(b"/"):
        scheme, separator, rest = target.partition(b"://")
        if not separator or scheme.lower() not in (b"http", b"https"):
            return _bad("request target is neither a path nor an absolute URL")
        named, slash, tail = rest.partition(b"/")
        authority, target = named, b"/" + tail if slash else b"/"
        if host is not None and host.lower() != authority.lower():
            return _bad("Host differs from the request target")
    if authority is None:
        if version == "1.1":
            return _bad("Host is missing")
        authority = b""
    name = "" if not authority and version == "1.0" else host_name(authority)
    if name is None:
        return _bad("Host is not valid")
    if b"#" in target:
        return _bad("request target has a fragment")
    path, mark, query = target.partition(b"?")
    return name, authority, path, mark + query


def _host_name(authority: bytes) -> str | None:
    match = _HOST.fullmatch(authority)
    if match is None or (match[2] is not None and not 0 < int(match[2]) < 65536):
        return None
    return match[1].decode("ascii").lower().removesuffix(".")


_remembered_host_name = lru_cache(maxsize=1024)(_host_name)


def host_name(authority: bytes) -> str | None:
    """The host of an authority: lower-case, without port and final dot; None when it is not valid."""
    return _remembered_host_name(authority) if len(authority) <= 255 else None
