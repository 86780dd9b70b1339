"""What a request's header fields say, whatever its target: which go on, which end here, how the body is framed.

The second half of the strict gate (RFC 9112 §6.1, §6.3; RFC 9110 §7.6.1, §10.1.1). Clients repeat their fields from
request to request, so a connection keeps the last block and only judges anew what differs.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from penstock.errors.v1 import error_reason_pb2 as reasons

from domain.identity_fields import fold
from edge.http.credentials import Presented, presented
from edge.http.fields import CLAIMS, LISTS, PROTECTED, Use, classify
from edge.http.trace import continued
from edge.problems import Refusal, bad_request

_LENGTH = re.compile(rb"\d{1,18}")
_TOKENS = re.compile(rb"[ \t]*,[ \t]*")
MAX_PASSES = 8
"""Gateways of this kind that a request may have passed (Via); with a target that leads back here it would never end."""
_OWN_OPTIONS = frozenset(b"close keep-alive upgrade te http2-settings".split())
"""What Connection may name besides fields of the client's own."""


@dataclass(frozen=True, slots=True)
class FieldBlock:
    """The fields of a request, judged.

    `read` has those that the edge reads itself, by lower-case name; `fields` those that go on, `lines` the same as
    they are written to the upstream, with the body's framing and the trace; `credential` is what the client presents,
    `trace_id` the 16 octets of the trace that goes on, empty when none does.
    """

    http_11: bool
    keep_alive: bool
    content_length: int
    chunked: bool
    read: dict[bytes, bytes]
    fields: tuple[tuple[bytes, bytes], ...]
    lines: bytes
    credential: Presented | Refusal | None
    trace_id: bytes

    def by_name(self) -> dict[bytes, bytes]:
        """All fields by lower-case name, repeated ones joined as a list; for routes with header conditions, which no
        word about the way here can meet: it could be anybody's."""
        named = {name: value for name, value in self.read.items() if name not in CLAIMS}
        for name, value in self.fields:
            lower = name.lower()
            if lower not in self.read:
                named[lower] = b"%b, %b" % (named[lower], value) if lower in named else value
        return named


def read_block(version: str, raw_fields: Sequence[tuple[bytes, bytes]], field_count: int) -> FieldBlock | Refusal:
    """Judges the fields in order and as spelled; at most `field_count` of them. `version` is 1.1 or 1.0."""
    if len(raw_fields) > field_count:
        return Refusal(reasons.ERROR_REASON_HEADERS_TOO_LARGE, f"more than {field_count} header fields")
    sorted_out = _sort(raw_fields)
    if isinstance(sorted_out, Refusal):
        return sorted_out
    read, fields = sorted_out
    options = _connection_options(read.get(b"connection", b""))
    named = {fold(option) for option in options} - _OWN_OPTIONS
    if named & PROTECTED:
        return bad_request("Connection names a field that may not be removed")
    if b"authorization" in read and b"x-api-key" in read:
        return Refusal(reasons.ERROR_REASON_CREDENTIALS_CONFLICT, "both Authorization and X-API-Key")
    if read.get(b"via", b"").lower().count(b" penstock") >= MAX_PASSES:
        return bad_request(f"the request goes in a circle: it has passed {MAX_PASSES} gateways of this kind")
    if read.get(b"expect", b"100-continue").lower() != b"100-continue":
        return Refusal(reasons.ERROR_REASON_EXPECTATION_FAILED, "only 100-continue can be expected")
    framing = _framing(read, version)
    if isinstance(framing, Refusal):
        return framing
    content_length, chunked, framing_line = framing
    trace = continued(read)
    kept = tuple(field for field in fields if not named or fold(field[0]) not in named)
    return FieldBlock(
        http_11=version == "1.1",
        keep_alive=b"close" not in options and (version == "1.1" or b"keep-alive" in options),
        content_length=content_length,
        chunked=chunked,
        read=read,
        fields=kept,
        lines=b"".join(b"%b: %b\r\n" % field for field in kept) + framing_line + (trace.lines if trace else b""),
        credential=presented(read),
        trace_id=trace.id if trace else b"",
    )


def _sort(
    raw_fields: Sequence[tuple[bytes, bytes]],
) -> tuple[dict[bytes, bytes], list[tuple[bytes, bytes]]] | Refusal:
    """The fields that the edge reads, and those that go on."""
    read: dict[bytes, bytes] = {}
    fields: list[tuple[bytes, bytes]] = []
    for field in raw_fields:
        lower, use = classify(field[0])
        if use is Use.REFUSE:
            return bad_request("X-Tenant-ID is spelled in another way")
        if use in (Use.READ, Use.READ_FORWARD):
            if lower not in read:
                read[lower] = field[1]
            elif lower in LISTS:
                read[lower] += b", " + field[1]
            else:
                return _repeated(lower)
        if use in (Use.FORWARD, Use.READ_FORWARD):
            fields.append(field)
    return read, fields


def _repeated(name: bytes) -> Refusal:
    if name in (b"authorization", b"x-api-key"):
        return Refusal(reasons.ERROR_REASON_CREDENTIALS_CONFLICT, "more than one credential")
    return bad_request(f"header field {name.decode('ascii')} is repeated")


def _connection_options(value: bytes) -> set[bytes]:
    return {option for option in _TOKENS.split(value.strip(b" \t").lower()) if option}


def _framing(read: dict[bytes, bytes], version: str) -> tuple[int, bool, bytes] | Refusal:
    """The declared length of the body, whether it is chunked instead, and the line that says so to the upstream."""
    coding, length = read.get(b"transfer-encoding"), read.get(b"content-length")
    if coding is not None:
        if length is not None:
            return bad_request("both Transfer-Encoding and Content-Length")
        if version != "1.1" or coding.strip(b" \t").lower() != b"chunked":
            return bad_request("the only transfer coding is chunked, over HTTP/1.1")
        return 0, True, b"Transfer-Encoding: chunked\r\n"
    if length is None:
        return 0, False, b""
    if not _LENGTH.fullmatch(length):
        return bad_request("Content-Length is not a decimal number of octets")
    return int(length), False, b"Content-Length: %d\r\n" % int(length)
