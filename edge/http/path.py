"""The one canonical form of a path, by which the edge routes, authorises, limits, logs and forwards.

What two parsers could read in two ways has no canonical form: dot segments, empty segments, encoded slashes,
backslashes, NUL, double encodings, octets that are not UTF-8 (RFC 3986 §5.2.4, §6.2.2).
"""

import re

_PLAIN = re.compile(rb"(?:/[A-Za-z0-9_~!$&'()*+,=:@-][A-Za-z0-9._~!$&'()*+,;=:@-]*)+/?|/")
"""Nothing encoded, no empty segment, none that begins with a dot or a parameter: canonical as it stands."""
_ALLOWED = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})+")
_ENCODED = re.compile(rb"%([0-9A-Fa-f]{2})")
_DOUBLE = re.compile(rb"%25[0-9A-Fa-f]{2}", re.IGNORECASE)
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_CONTROL = frozenset((*range(0x20), 0x7F))


def _normalise(match: re.Match[bytes]) -> bytes:
    octet = int(match[1], 16)
    return bytes((octet,)) if octet in _UNRESERVED else match[0].upper()


def canonical_path(raw: bytes, *, allow_encoded_slashes: bool = False) -> str | None:
    """The canonical form of an absolute path (no query), or None when it is ambiguous or malformed.

    Unreserved octets are decoded, other escapes keep upper-case digits, so that equal paths are equal strings.
    """
    if _PLAIN.fullmatch(raw):
        return raw.decode("ascii")
    if ambiguity(raw, allow_encoded_slashes=allow_encoded_slashes) is not None:
        return None
    return _ENCODED.sub(_normalise, raw).decode("ascii")


def ambiguity(raw: bytes, *, allow_encoded_slashes: bool = False) -> str | None:
    """Why a path has no canonical form, for people, or None when it has one."""
    if not raw.startswith(b"/"):
        return "it does not begin with /"
    if not _ALLOWED.fullmatch(raw):
        return "it has a character that must be percent-encoded, or a % without two hexadecimal digits"
    decoded = _ENCODED.sub(lambda match: bytes((int(match[1], 16),)), raw)
    if b"\\" in decoded or not _CONTROL.isdisjoint(decoded):
        return "it has a backslash or a control character"
    if not allow_encoded_slashes and decoded.count(b"/") != raw.count(b"/"):
        return "it has an encoded slash"
    try:
        decoded.decode("utf-8")
    except UnicodeDecodeError:
        return "it is not UTF-8"
    path = _ENCODED.sub(_normalise, raw)
    if _DOUBLE.search(path):  # also `%25%32%66`
        return "it is encoded twice"
    inner = path[1:].removesuffix(b"/") if path != b"/" else b"x"
    for segment in inner.replace(b"%2F", b"/").split(b"/"):
        # `..;x` is a dot segment to servers that cut path parameters off first
        if segment.partition(b";")[0] in (b"", b".", b".."):
            return "it has an empty segment or a dot segment"
    return None
