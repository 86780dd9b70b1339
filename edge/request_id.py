"""The ids of a request: its own, under which it is recorded, and the one that everybody knows it by."""

import os
import time
from typing import Final, NamedTuple

from domain.credentials import SECRET
from svckit.request_ids import WELL_FORMED_OCTETS

_COUNTS: Final = 1 << 12
_COUNTED: Final = tuple(((0x7000 | count).to_bytes(2, "big"), b"7%03x" % count) for count in range(_COUNTS))
"""The third group of a version 7 UUID, as octets and as text."""
_DRAWN: Final = 64


class RequestIdentity(NamedTuple):
    """`octets` are the record's id, a version 7 UUID that is always made here; `text` is the request id, in ASCII."""

    octets: bytes
    text: bytes


class RequestIds:
    """Makes the ids of a worker's requests: 48 bits of milliseconds, a 12-bit counter of the ids in each of them
    (RFC 9562 §6.2, method 1), 62 random bits. All but the random ones are made once for a millisecond, and those for
    64 ids at once: a system call each would cost more than all the rest of an id."""

    def __init__(self) -> None:
        self._milliseconds = -1
        self._time, self._time_text = b"", b""
        self._count = 0
        self._tails: list[tuple[bytes, bytes]] = []

    def identity(self, presented: bytes | None) -> RequestIdentity:
        """The ids of a request that presents this X-Request-ID: kept if well-formed and no credential, which would
        stand in every log behind it; else the record's id."""
        milliseconds = time.time_ns() // 1_000_000
        if milliseconds != self._milliseconds:
            self._begin(milliseconds)
        count = self._count
        self._count = (count + 1) % _COUNTS
        counted, counted_text = _COUNTED[count]
        if not self._tails:
            self._tails = _draw()
        tail, tail_text = self._tails.pop()
        octets = self._time + counted + tail
        if presented is not None and WELL_FORMED_OCTETS.fullmatch(presented) and not SECRET.search(presented.decode()):
            return RequestIdentity(octets, presented)
        return RequestIdentity(octets, self._time_text + counted_text + tail_text)

    def _begin(self, milliseconds: int) -> None:
        self._milliseconds, self._count = milliseconds, 0
        self._time = milliseconds.to_bytes(6, "big")
        digits = self._time.hex()
        self._time_text = f"{digits[:8]}-{digits[8:]}-".encode()


def _draw() -> list[tuple[bytes, bytes]]:
    """The last 8 octets of ids, as octets and as text."""
    drawn = bytearray(os.urandom(8 * _DRAWN))
    drawn[::8] = bytes(octet & 0x3F | 0x80 for octet in drawn[::8])  # the variant of RFC 9562
    octets, digits = bytes(drawn), drawn.hex().encode()
    return [
        (octets[at : at + 8], b"-%b-%b" % (digits[2 * at : 2 * at + 4], digits[2 * at + 4 : 2 * at + 16]))
        for at in range(0, 8 * _DRAWN, 8)
    ]
