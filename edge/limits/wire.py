"""Checks as bytes of penstock.ratelimit.v1.StreamChecksRequest, put together from parts prepared per rule.

The generated code takes 3–4 µs to build and serialize a check, joining prepared parts 0.3 µs. The contract stays
the proto: tests hold every byte equal to what the generated code writes.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final


def varint(value: int) -> bytes:
    """A number in protobuf's variable-length form."""
    if value < len(_SMALL):
        return _SMALL[value]
    return _encoded(value)


def _encoded(value: int) -> bytes:
    octets = bytearray()
    while value > 0x7F:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    octets.append(value)
    return bytes(octets)


# Lengths of keys, limits and checks, as a rule.
_SMALL: Final = tuple(_encoded(value) for value in range(1024))


def limit_tail(units: int, window_millis: int, algorithm: int) -> bytes:
    """All of a Limit but its key: fields 2, 3 and 4."""
    return b"\x10%b\x18%b\x20%b" % (varint(units), varint(window_millis), varint(algorithm))


def limit_entry(key: bytes, tail: bytes) -> bytes:
    """One Limit as an entry of Check.limits (field 1)."""
    key_size = varint(len(key))
    return b"\x0a%b\x0a%b%b%b" % (varint(1 + len(key_size) + len(key) + len(tail)), key_size, key, tail)


def check_entry(limits: bytes, cost: int) -> bytes:
    """One Check of joined limit entries, as an entry of StreamChecksRequest.checks (field 2); a cost of 1 is unset."""
    if cost != 1:
        limits = b"%b\x10%b" % (limits, varint(cost))
    return b"\x12%b%b" % (varint(len(limits)), limits)


@lru_cache(maxsize=4096)
def check_head(key_bytes: int, tail_bytes: int, rest_bytes: int) -> bytes:
    """What stands in front of the first limit's key in a check of cost 1.

    With it an entry is `head + key + tail + rest`, where `rest` are the entries of further limits. It depends on
    lengths alone: a look-up for all callers whose keys are equally long.
    """
    entry = check_entry(limit_entry(bytes(key_bytes), bytes(tail_bytes)) + bytes(rest_bytes), 1)
    return entry[: len(entry) - key_bytes - tail_bytes - rest_bytes]


def request(batch_id: int, checks: Iterable[bytes]) -> bytes:
    """A StreamChecksRequest of check entries; `batch_id` is positive."""
    return b"\x08%b%b" % (varint(batch_id), b"".join(checks))
