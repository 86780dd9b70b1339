"""One mapped file of records. An append is a copy into the map: it survives the death of the process.

The file's blocks are allocated before it is written: a full disk is met when a segment is made, as an error,
and never as a SIGBUS in the middle of a request. Which records are still wanted is the spool's business.
"""

import mmap
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from zlib import crc32

from edge.telemetry.scan import (
    HEAD,
    HEADER_BYTES,
    RECORD_BYTES,
    SEQUENCE,
    Found,
    Header,
    aligned,
    find_records,
    pack_header,
    read_header,
)

SUFFIX: Final = ".segment"
SPARE_SUFFIX: Final = ".spare"
_pack_sequence = SEQUENCE.pack
_pack_head_into = HEAD.pack_into


class Segment:
    """Records `first` to `last` in order, `count` of them; `end` is where the next one goes, `size` in bytes."""

    __slots__ = ("_map", "_salt", "count", "end", "first", "last", "path", "size")

    def __init__(self, path: Path, mapped: mmap.mmap, header: Header) -> None:
        self.path: Path = path
        self.size: int = len(mapped)
        self.end: int = HEADER_BYTES
        self.first: int = header.first
        self.last: int = header.first - 1
        self.count: int = 0
        self._map = mapped
        self._salt = header.salt

    def append(self, sequence: int, payload: bytes) -> bool:
        """Copies one record in; False when it does not fit. 0.6 µs for 250 bytes."""
        start = self.end
        stop = start + RECORD_BYTES + len(payload)
        if stop > self.size:
            return False
        body = _pack_sequence(sequence) + payload
        # The head comes last: a record cut off by a kill is not there at all.
        self._map[start + 8 : stop] = body
        _pack_head_into(self._map, start, len(payload), crc32(body, self._salt))
        self.end = stop + 7 & ~7
        self.last = sequence
        self.count += 1
        return True

    def records(self, start: int, after: int) -> Iterator[Found]:
        """The undamaged records from place `start` on with a sequence above `after`."""
        return find_records(self._map, Header(self._salt, self.first), start, self.end, after)

    def sync(self) -> None:
        """Has the disk take what was appended so far; blocks."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY)
        except FileNotFoundError:
            return  # dropped meanwhile
        try:
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)

    def close(self) -> None:
        self._map.close()

    def remove(self) -> None:
        """Closes and deletes."""
        self.close()
        self.path.unlink(missing_ok=True)


class Spare:
    """An allocated file that becomes the next segment without a wait."""

    def __init__(self, folder: Path, size: int) -> None:
        """OSError when the disk has no room or the folder cannot be written."""
        self._path: Final = folder / f"{secrets.token_hex(4)}{SPARE_SUFFIX}"
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, size)
            self._map: Final = mmap.mmap(descriptor, size)
        finally:
            os.close(descriptor)

    def begin(self, first: int) -> Segment:
        """The empty segment whose first record will be `first`."""
        header = Header(secrets.randbits(32), first)
        packed = pack_header(header)
        self._map[: len(packed)] = packed
        path = self._path.with_name(f"{first:020}{SUFFIX}")
        self._path.rename(path)
        return Segment(path, self._map, header)

    def discard(self) -> None:
        self._map.close()
        self._path.unlink(missing_ok=True)


def recover_segment(path: Path) -> Segment | None:
    """The segment that a former process left, its torn tail cut off; None when nothing in it can be used."""
    data = path.read_bytes()
    header = read_header(data)
    if header is None:
        return None
    count, last, end = 0, header.first - 1, HEADER_BYTES
    for found in find_records(data, header):
        count, last, end = count + 1, found.sequence, found.end
    if not count:
        return None
    os.truncate(path, min(aligned(end), len(data)))
    with path.open("rb") as file:
        segment = Segment(path, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), header)
    segment.count, segment.last, segment.end = count, last, segment.size
    return segment
