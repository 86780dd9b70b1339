"""The opening handshake (RFC 6455 §4): what a client asks for, and whether an upstream's answer fits it. Pure."""

import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from hashlib import sha1
from typing import NamedTuple

from penstock.errors.v1 import error_reason_pb2 as reasons

from edge.http.head import Head
from edge.problems import Fields, Refusal, bad_request

UPGRADE_LINES = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
_VERSION = b"13"
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY = re.compile(rb"[A-Za-z0-9+/]{21}[AQgw]==")
"""Sixteen octets in base64."""
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_COMMA = re.compile(rb"[ \t]*,[ \t]*")
_PROTOCOL = re.compile(_TOKEN)
_EXTENSION = re.compile(rb'(%b)(?:[ \t]*;[ \t]*%b(?:[ \t]*=[ \t]*(?:%b|"%b"))?)*' % ((_TOKEN,) * 4))
_ASKED_FOR: Fields = ((b"Upgrade", b"websocket"), (b"Connection", b"Upgrade"), (b"Sec-WebSocket-Version", _VERSION))
NOT_HERE = Refusal(
    reasons.ERROR_REASON_UPGRADE_REQUIRED, "this route takes no WebSocket", fields=((b"Upgrade", b"HTTP/1.1"),)
)
NOT_ARRIVED = Refusal(
    reasons.ERROR_REASON_UPGRADE_REQUIRED,
    "a WebSocket needs HTTP/1.1, Upgrade: websocket and Connection: Upgrade; a proxy may have removed them",
    fields=_ASKED_FOR,
)
OTHER_VERSION = Refusal(
    reasons.ERROR_REASON_UPGRADE_REQUIRED, "the version of the WebSocket is not 13", fields=_ASKED_FOR
)


class Asked(NamedTuple):
    """What a valid handshake asks for: the `accept` that an answer must have, the subprotocols that it may choose of,
    the names of the extensions."""

    accept: bytes
    protocols: frozenset[bytes]
    extensions: frozenset[bytes]


def read_handshake(head: Head, *, allowed: bool) -> Asked | Refusal | None:
    """The WebSocket that a request asks for, None when it asks for none. `allowed`: whether its route takes them.

    Any other protocol is ignored (RFC 9110 §7.8): the request is answered as if it asked for nothing.
    """
    named = b"sec-websocket-key" in {name.lower() for name, _ in head.block.fields}
    if not _asks(head):
        return NOT_ARRIVED if named and allowed else None
    if not allowed:
        return NOT_HERE
    if head.method != "GET":
        return bad_request("a WebSocket begins with GET")
    keys, versions = _values(head, b"sec-websocket-key"), _values(head, b"sec-websocket-version")
    if versions != [_VERSION]:
        return OTHER_VERSION
    if len(keys) != 1 or not _KEY.fullmatch(keys[0]):
        return bad_request("Sec-WebSocket-Key is not sixteen octets in base64, once")
    protocols = _list(_values(head, b"sec-websocket-protocol"))
    if len(set(protocols)) < len(protocols) or not all(map(_PROTOCOL.fullmatch, protocols)):
        return bad_request("Sec-WebSocket-Protocol is not a list of different names")
    extensions = _extensions(_values(head, b"sec-websocket-extensions"))
    if extensions is None:
        return bad_request("Sec-WebSocket-Extensions is not a list of extensions")
    accept = b64encode(sha1(keys[0] + _GUID, usedforsecurity=False).digest())
    return Asked(accept, frozenset(protocols), extensions)


def agreed(asked: Asked, fields: Sequence[tuple[bytes, bytes]]) -> frozenset[bytes] | None:
    """The names of the extensions that an upstream's 101 agrees on; None when it does not answer what was asked for."""
    by_name: dict[bytes, list[bytes]] = {}
    for name, value in fields:
        by_name.setdefault(name.lower(), []).append(value)
    options = _list(each.lower() for each in by_name.get(b"connection", []))
    chosen = by_name.get(b"sec-websocket-protocol", [])
    extensions = _extensions(by_name.get(b"sec-websocket-extensions", []))
    if (
        [each.lower() for each in by_name.get(b"upgrade", [])] != [b"websocket"]
        or b"upgrade" not in options
        or by_name.get(b"sec-websocket-accept") != [asked.accept]
        or len(chosen) > 1
        or not asked.protocols.issuperset(chosen)
        or extensions is None
        or not extensions <= asked.extensions
    ):
        return None
    return extensions


def _asks(head: Head) -> bool:
    upgrade, connection = head.read.get(b"upgrade"), head.read.get(b"connection")
    if upgrade is None or connection is None or not head.block.http_11:
        return False
    return b"websocket" in _list([upgrade.lower()]) and b"upgrade" in _list([connection.lower()])


def _values(head: Head, name: bytes) -> list[bytes]:
    return [value for each, value in head.block.fields if each.lower() == name]


def _list(values: Iterable[bytes]) -> list[bytes]:
    return [part for value in values for part in _COMMA.split(value.strip(b" \t")) if part]


def _extensions(values: Iterable[bytes]) -> frozenset[bytes] | None:
    found = [_EXTENSION.fullmatch(part) for part in _list(values)]
    return frozenset(each[1] for each in found if each is not None) if all(found) else None
