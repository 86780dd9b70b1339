"""Writes the part of a `RequestRecord` that belongs to one request alone, as protobuf would. Pure.

Serialised messages that are joined are read as one (protobuf's encoding guide, "Last One Wins"), so what many requests
share is serialised once, by protobuf, and this part is put beside it. By hand, because there is one for every request:
0.8 µs against 2.4 µs for a whole record by protobuf.
"""

from functools import lru_cache
from typing import Final

from penstock.telemetry.v1.record_pb2 import RequestRecord


def varint(number: int) -> bytes:
    """A number from 0 on in base 128, the lowest digit first."""
    octets = bytearray()
    while number > 0x7F:
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    octets.append(number)
    return bytes(octets)


_SHORT: Final = tuple(map(varint, range(1 << 14)))
"""Most numbers are among these; looking one up is five times as fast as writing it."""
_GOES_ON: Final = tuple(bytes((low & 0x7F | 0x80, low >> 7 | 0x80)) for low in range(1 << 14))
"""The two lowest digits of a number with others above them."""
_VARINT, _DELIMITED = 0, 2
_upper = lru_cache(maxsize=16)(varint)
"""The digits above those: of a clock in microseconds they change every 16 ms."""


def _tag(name: str, wire_type: int) -> bytes:
    return varint(RequestRecord.DESCRIPTOR.fields_by_name[name].number << 3 | wire_type)


_FORM: Final = b"%b".join(
    (
        _tag("id", _DELIMITED) + varint(16),
        _tag("trace_id", _DELIMITED) + varint(16),
        _tag("start_micros", _VARINT) + b"%b",
        _tag("duration_micros", _VARINT),
        _tag("request_bytes", _VARINT),
        _tag("response_bytes", _VARINT),
        _tag("upstream_micros", _VARINT),
        _tag("status", _VARINT),
        _tag("request_id", _DELIMITED),
        b"",
        _tag("path", _DELIMITED),
        b"",
        b"",
    )
)


def own_octets(
    record_id: bytes,
    trace_id: bytes,
    start_micros: int,
    duration_micros: int,
    request_bytes: int,
    response_bytes: int,
    upstream_micros: int,
    status: int,
    request_id: bytes,
    path: bytes,
) -> bytes:
    """The ids have 16 octets, the texts less than 16 KiB."""
    return _FORM % (
        record_id,
        trace_id,
        _GOES_ON[start_micros & 0x3FFF],
        _upper(start_micros >> 14),
        _SHORT[duration_micros] if duration_micros < 0x4000 else varint(duration_micros),
        _SHORT[request_bytes] if request_bytes < 0x4000 else varint(request_bytes),
        _SHORT[response_bytes] if response_bytes < 0x4000 else varint(response_bytes),
        _SHORT[upstream_micros] if upstream_micros < 0x4000 else varint(upstream_micros),
        _SHORT[status],
        _SHORT[len(request_id)],
        request_id,
        _SHORT[len(path)],
        path,
    )
