"""Finds the records in the bytes of a segment. Pure; damage costs the records that it hit and no other.

A segment is a header (magic, version, salt, first sequence, CRC) and records, each at a multiple of 8: length
u32, CRC u32, sequence u64, payload. The CRC covers sequence and payload and starts from the segment's random
salt, so that a payload cannot pose as a record when the scan looks for a place to go on after damage.
"""

import mmap
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

# A map is read in place: a segment is never copied as a whole.
Bytes: TypeAlias = bytes | mmap.mmap

MAGIC: Final = b"PSKSPOOL"
VERSION: Final = 1
HEADER_BYTES: Final = 32
HEAD: Final = struct.Struct("<II")
SEQUENCE: Final = struct.Struct("<Q")
RECORD_BYTES: Final = HEAD.size + SEQUENCE.size
_HEADER: Final = struct.Struct("<8sIIQI")
_CHECKED: Final = _HEADER.size - 4


@dataclass(frozen=True, slots=True)
class Header:
    """`first` is the sequence of the segment's first record."""

    salt: int
    first: int


@dataclass(frozen=True, slots=True)
class Found:
    """One record; `end` is where the next one begins."""

    sequence: int
    payload: bytes
    end: int


def pack_header(header: Header) -> bytes:
    """The first bytes of a segment."""
    fields = _HEADER.pack(MAGIC, VERSION, header.salt, header.first, 0)[:_CHECKED]
    return fields + struct.pack("<I", zlib.crc32(fields))


def read_header(data: bytes) -> Header | None:
    """The header of a segment's bytes; None when it is damaged, foreign or of another version."""
    if len(data) < HEADER_BYTES:
        return None
    magic, version, salt, first, checksum = _HEADER.unpack_from(data)
    if magic != MAGIC or version != VERSION or checksum != zlib.crc32(data[:_CHECKED]):
        return None
    return Header(salt, first)


def aligned(position: int) -> int:
    """The first place at or after `position` where a record may begin."""
    return position + 7 & ~7


def find_records(
    data: Bytes, header: Header, start: int = HEADER_BYTES, stop: int | None = None, after: int | None = None
) -> Iterator[Found]:
    """The undamaged records between the places `start` and `stop`, in order, with a sequence above `after`."""
    stop = len(data) if stop is None else stop
    last = header.first - 1 if after is None else after
    limit = header.first + len(data) // RECORD_BYTES
    position = start
    while position + RECORD_BYTES <= stop:
        found = _record_at(data, position, stop, header.salt)
        if found is None or found.sequence > limit:
            position = _next_candidate(data, position + 8, stop, last, limit)
            continue
        if found.sequence > last:
            yield found
            last = found.sequence
        position = found.end


def _record_at(data: Bytes, position: int, stop: int, salt: int) -> Found | None:
    length, checksum = HEAD.unpack_from(data, position)
    end = position + RECORD_BYTES + length
    if length == 0 or end > stop:
        return None
    body = data[position + HEAD.size : end]
    if zlib.crc32(body, salt) != checksum:
        return None
    return Found(SEQUENCE.unpack_from(body)[0], body[SEQUENCE.size :], aligned(end))


def _next_candidate(data: Bytes, position: int, stop: int, last: int, limit: int) -> int:
    """The next place whose sequence field could be that of a later record; `stop` when there is none."""
    while position + RECORD_BYTES <= stop:
        sequence = SEQUENCE.unpack_from(data, position + HEAD.size)[0]
        if last < sequence <= limit:
            return position
        # A sequence is never 0: past zeros, the next that is not can only be in the word where they end.
        position = position + 8 if sequence else _end_of_zeros(data, position + RECORD_BYTES, stop) - SEQUENCE.size
    return stop


def _end_of_zeros(data: Bytes, position: int, stop: int) -> int:
    """The word that holds the first octet after `position` that is not zero: an unused rest is passed at C speed."""
    step = 65536
    while position < stop:
        block = data[position : min(position + step, stop)]
        rest = block.lstrip(b"\0")
        if rest:
            return position + (len(block) - len(rest) & ~7)
        position += step
    return stop + RECORD_BYTES
