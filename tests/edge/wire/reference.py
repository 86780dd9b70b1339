"""Reads requests by the grammar of RFC 9112 and RFC 9110 alone; what deviates is a fault. Knows nothing of the edge.

Stricter than a server has to be: lines end with CRLF, one Host, one framing, chunked as the only transfer coding.
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache

LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e\x80-\xff]+) HTTP/1\.([01])")
_VALUE = rb"[\x21-\x7e\x80-\xff]+"
FIELD = re.compile(rb"([!#$%%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*((?:%b(?:[ \t]+%b)*)?)[ \t]*" % (_VALUE, _VALUE))
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"'
CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})((?:[ \t]*;[ \t]*%b(?:[ \t]*=[ \t]*(?:%b|%b))?)*)" % (_TOKEN, _TOKEN, _QUOTED))
LENGTH = re.compile(rb"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it was read. `body` is without its framing; `complete` tells whether all of it was there, `fault`
    why the rest of the body cannot be read."""

    method: bytes
    target: bytes
    minor: int
    fields: tuple[tuple[bytes, bytes], ...]
    chunked: bool
    body: bytes
    extensions: bool
    trailers: tuple[tuple[bytes, bytes], ...]
    complete: bool
    fault: str = ""

    def values(self, name: bytes) -> list[bytes]:
        """The values of all fields of this name, which is given in lower case."""
        return [value for given, value in self.fields if given.lower() == name]


@dataclass(frozen=True, slots=True)
class Reading:
    """All that was read: requests in their order, the last perhaps in part; a fault ends it. `rest` was not read."""

    requests: tuple[Request, ...]
    fault: str
    rest: bytes


class Fault(Exception):
    """The octets are no request."""


class _More(Exception):
    """The octets end too early."""


class _Octets:
    """A place in the octets."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def line(self) -> bytes:
        """The next line, without its end."""
        end = self.data.find(b"\r\n", self.at)
        if end < 0:
            raise _More
        found = self.data[self.at : end]
        self.at = end + 2
        return found

    def take(self, count: int) -> bytes:
        """So many octets, or as many as are there."""
        found = self.data[self.at : self.at + count]
        self.at += len(found)
        return found


@lru_cache(maxsize=64)
def read_requests(data: bytes, *, empty_lines: bool = True) -> Reading:
    """Reads request after request. `empty_lines`: whether some may precede a request line (RFC 9112 §2.2)."""
    octets, requests, begun = _Octets(data), [], 0
    try:
        while octets.at < len(data):
            begun = octets.at
            if empty_lines and data.startswith(b"\r\n", octets.at):
                octets.at += 2
                continue
            requests.append(_request(octets))
            if not requests[-1].complete:
                return Reading(tuple(requests), requests[-1].fault, b"")
    except _More:
        return Reading(tuple(requests), "", data[begun:])
    except Fault as fault:
        return Reading(tuple(requests), str(fault), data[begun:])
    return Reading(tuple(requests), "", data[octets.at :])


def _request(octets: _Octets) -> Request:
    if octets.data.find(b"\r\n\r\n", octets.at) < 0:
        raise _More
    line = LINE.fullmatch(octets.line())
    if line is None:
        raise Fault("request line")
    fields = _fields(octets)
    minor = int(line[3])
    length, chunked = _framing(fields, minor)
    if chunked:
        return _chunks(octets, Request(line[1], line[2], minor, fields, True, b"", False, (), False))
    body = octets.take(length)
    return Request(line[1], line[2], minor, fields, False, body, False, (), len(body) == length)


def _fields(octets: _Octets) -> tuple[tuple[bytes, bytes], ...]:
    fields = []
    while line := octets.line():
        field = FIELD.fullmatch(line)
        if field is None:
            raise Fault("field line")
        fields.append((field[1], field[2]))
    return tuple(fields)


def _framing(fields: tuple[tuple[bytes, bytes], ...], minor: int) -> tuple[int, bool]:
    """The length of the body, and whether it comes in chunks instead (RFC 9112 §6.3)."""
    named = [(name.lower(), value) for name, value in fields]
    hosts = [value for name, value in named if name == b"host"]
    lengths = [value for name, value in named if name == b"content-length"]
    codings = [value for name, value in named if name == b"transfer-encoding"]
    if len(hosts) > 1 or (minor and not hosts):
        raise Fault("Host")
    if codings:
        if lengths or not minor or [coding.lower() for coding in codings] != [b"chunked"]:
            raise Fault("Transfer-Encoding")
        return 0, True
    if len(lengths) > 1 or any(not LENGTH.fullmatch(length) for length in lengths):
        raise Fault("Content-Length")
    return (int(lengths[0]) if lengths else 0), False


def _chunks(octets: _Octets, head: Request) -> Request:
    """The request with as much of its body as can be read (RFC 9112 §7.1)."""
    body = bytearray()
    extensions = False
    try:
        while True:
            size = CHUNK.fullmatch(octets.line())
            if size is None:
                raise Fault("chunk size")
            extensions = extensions or bool(size[2])
            count = int(size[1], 16)
            if count == 0:
                trailers = _fields(octets)
                return replace(head, body=bytes(body), extensions=extensions, trailers=trailers, complete=True)
            start = len(body)
            body += octets.take(count)
            if len(body) - start < count or len(octets.data) - octets.at < 2:
                raise _More
            if octets.take(2) != b"\r\n":
                raise Fault("end of a chunk")
    except _More:
        return replace(head, body=bytes(body), extensions=extensions)
    except Fault as fault:
        return replace(head, body=bytes(body), extensions=extensions, fault=str(fault))
