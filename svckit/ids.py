"""Identifiers that sort by the time of their making."""

import os
import time
from uuid import UUID


def uuid7(now_ns: int | None = None) -> UUID:
    """A version 7 UUID (RFC 9562 §5.7) for `now_ns` nanoseconds since the epoch, by default the clock's."""
    return UUID(bytes=uuid7_octets(now_ns))


def uuid7_octets(now_ns: int | None = None) -> bytes:
    """The 16 octets of a version 7 UUID; half the price where the object is not needed.

    48 bits of milliseconds, then 12 bits of the fraction of a millisecond (§6.2, method 3: order within a
    process without shared state), then 62 random bits.
    """
    milliseconds, rest = divmod(time.time_ns() if now_ns is None else now_ns, 1_000_000)
    fraction = (rest << 12) // 1_000_000
    value = (milliseconds & (1 << 48) - 1) << 80 | 0x7 << 76 | fraction << 64
    return (value | 0b10 << 62 | int.from_bytes(os.urandom(8), "big") >> 2).to_bytes(16, "big")
