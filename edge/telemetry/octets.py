"""Writes the part of a `RequestRecord` that belongs to one request alone, as protobuf would. Pure.

Serialised messages that are joined are read as one (protobuf's encoding guide, "Last One Wins"), so what many requests
share is serialised once, by protobuf, and this part is put beside it. By hand, because there is one for every request:
0.8 µs against 2.4 µs for a whole record by protobuf.
"""

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
_VARINT, _DELIMITED = 0, 2


def _tag(name: str, wire_type: int) -> bytes:
    return varint(RequestRecord.DESCRIPTOR.fields_by_name[name].number << 3 | wire_type)


_FORM: Final = b"%b".join(
    (
        _tag("id", _DELIMITED) + varint(16),
        _tag("trace_id", _DELIMITED) + varint(16),
        _tag("start_micros", _VARINT),
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
    """The ids have 16 octets, `start_micros` 56 bits (until the year 4253), the texts less than 16 KiB."""
    # The seven bits of each digit spread out to octets, by halves: all eight at once, the first seven with the mark
    # that more follow.
    start = (start_micros & 0xFFF_FFFF) | ((start_micros & 0xFF_FFFF_F000_0000) << 4)
    start = (start & 0x3FFF_0000_3FFF) | ((start & 0xFFF_C000_0FFF_C000) << 2)
    start = (start & 0x7F_007F_007F_007F) | ((start & 0x3F80_3F80_3F80_3F80) << 1) | 0x80_8080_8080_8080
    return _FORM % (
        record_id,
        trace_id,
        start.to_bytes(8, "little"),
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
