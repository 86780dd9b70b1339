"""How a chunked body is framed: where it ends within what was read, and how much else than data it has.

The parser judges each octet, but tells neither. It would take extensions and trailers without end (RFC 9112 §7.1.1,
§7.1.2), and with the next request in the same read nobody could say where that begins.
"""

import re
from typing import Final

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,8})((?:;%b(?:=(?:%b|%b))?)*)\r\n" % (_TOKEN, _TOKEN, _QUOTED))
_SIZE_DIGITS: Final = 8
_LINE_END: Final = len("\r\n")


class BadChunks(Exception):
    """The body is not framed in chunks, or has more extensions or trailers than are taken."""


class Chunks:
    """Follows one body. `extension_bytes` bounds all its extensions together, `trailer_bytes` its trailer section."""

    __slots__ = ("_extension_left", "_left", "_line", "_trailer_left", "_trailing")

    def __init__(self, extension_bytes: int, trailer_bytes: int) -> None:
        self._extension_left = extension_bytes
        self._trailer_left = trailer_bytes
        self._left = 0
        """Octets of the present chunk that are still to come, its final CRLF among them."""
        self._line = b""
        self._trailing = False

    def extent(self, data: bytes) -> int:
        """How many of the next octets belong to the body; raises BadChunks. All of them, unless it ends here."""
        at, size = 0, len(data)
        while self._left < size - at:
            at += self._left
            self._left = 0
            end = data.find(b"\n", at) + 1
            self._line += data[at : end or size]
            if not end:
                self._bound(len(self._line))
                return size
            line, self._line, at = self._line, b"", end
            if self._trailing and line == b"\r\n":
                return at
            self._read(line)
        self._left -= size - at
        return size

    def _read(self, line: bytes) -> None:
        if self._trailing:
            self._trailer_left -= len(line)
            self._bound(0)
            return
        found = _SIZE.fullmatch(line)
        if found is None:
            raise BadChunks
        self._extension_left -= len(found[2])
        self._bound(0)
        octets = int(found[1], 16)
        self._left = octets + _LINE_END if octets else 0
        self._trailing = not octets

    def _bound(self, pending: int) -> None:
        """Raises BadChunks when the line of which so much is there cannot fit any more."""
        left = self._trailer_left if self._trailing else self._extension_left + _SIZE_DIGITS + _LINE_END
        if pending > left or self._extension_left < 0:
            raise BadChunks
