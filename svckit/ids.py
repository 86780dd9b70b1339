"""Identifiers that sort by the time of their making."""

import os
import struct
import time
from typing import Final
from uuid import UUID

_TWO_WORDS: Final = struct.Struct("!QQ")


def uuid7(now_ns: int | None = None) -> UUID:
    """A version 7 UUID (RFC 9562 §5.7) for `now_ns` nanoseconds since the epoch, by default the clock's."""
    return UUID(bytes=uuid7_octets(time.time_ns() if now_ns is None else now_ns, os.urandom(8)))


def uuid7_octets(now_ns: int, randomness: bytes) -> bytes:
    """The 16 octets of a version 7 UUID out of a time and 8 random octets.

    48 bits of milliseconds, then 12 bits of the fraction of a millisecond (§6.2, method 3: order within a
    process without shared state), then 62 random bits.
    """
    milliseconds, rest = divmod(now_ns, 1_000_000)
    high = (milliseconds & (1 << 48) - 1) << 16 | 0x7000 | (rest << 12) // 1_000_000
    low = 1 << 63 | int.from_bytes(randomness, "big") >> 2
    return _TWO_WORDS.pack(high, low)
