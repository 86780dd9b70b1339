"""The mapped counters of a spool, in one page of a file. They survive the death of the process.

Counters of the request path are words that are stored whole. What an acknowledgement changes is written as one
row with a checksum into the older of two places, so that a kill in between leaves the row before.
"""

import mmap
import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ANSWERED: Final = 8
SENT: Final = 9
NO_SPACE: Final = 10
OVERSIZE: Final = 11
_MAGIC: Final = b"PSKLEDG1"
_SIZE: Final = 4096
_PLACES: Final = (512, 1024)
_ROW: Final = struct.Struct("<QQQQQQ")
_CHECKSUM: Final = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of the records up to `floor`; each of them was shipped or is counted here.

    `full`: dropped to make room, of which `full_ahead` still lie above the floor. `damaged`: lost to damage or
    cut off by a kill. `refused`: not wanted by the collector.
    """

    floor: int = 0
    full: int = 0
    full_ahead: int = 0
    damaged: int = 0
    refused: int = 0

    @property
    def shipped(self) -> int:
        """Records that the collector has committed."""
        return self.floor - self.refused - self.damaged - (self.full - self.full_ahead)


@dataclass(frozen=True, slots=True)
class Counters:
    """Records noted, the highest sequence ever sent, and records that never got a sequence, by reason."""

    answered: int = 0
    sent: int = 0
    no_space: int = 0
    oversize: int = 0


class Ledger:
    """`counters` are the words at ANSWERED, SENT, NO_SPACE, OVERSIZE; `settled` is None when none can be read."""

    def __init__(self, path: Path) -> None:
        """Opens or makes the file; one that is not a ledger is begun anew. OSError when the disk refuses."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if os.fstat(descriptor).st_size != _SIZE:
                os.ftruncate(descriptor, 0)
            os.posix_fallocate(descriptor, 0, _SIZE)
            self._map: Final = mmap.mmap(descriptor, _SIZE)
        finally:
            os.close(descriptor)
        if self._map[: len(_MAGIC)] != _MAGIC:
            self._map[:] = _MAGIC + bytes(_SIZE - len(_MAGIC))
        self._view: Final = memoryview(self._map)
        self.counters: Final = self._view.cast("Q")
        self._path: Final = path
        self._generation, self.settled = self._newest()

    def read_counters(self) -> Counters:
        words = self.counters
        return Counters(words[ANSWERED], words[SENT], words[NO_SPACE], words[OVERSIZE])

    def write_counters(self, counters: Counters) -> None:
        words = self.counters
        words[ANSWERED], words[SENT] = counters.answered, counters.sent
        words[NO_SPACE], words[OVERSIZE] = counters.no_space, counters.oversize

    def settle(self, settled: Settled) -> None:
        """Replaces the row, all or nothing."""
        self._generation += 1
        row = _ROW.pack(
            self._generation, settled.floor, settled.full, settled.full_ahead, settled.damaged, settled.refused
        )
        place = _PLACES[self._generation % 2]
        self._map[place : place + len(row) + 4] = row + _CHECKSUM.pack(zlib.crc32(row))
        self.settled = settled

    def sync(self) -> None:
        """Has the disk take it; blocks."""
        descriptor = os.open(self._path, os.O_RDONLY)
        try:
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)

    def close(self) -> None:
        self.counters.release()
        self._view.release()
        self._map.close()

    def _newest(self) -> tuple[int, Settled | None]:
        rows = []
        for place in _PLACES:
            row = self._map[place : place + _ROW.size]
            if _CHECKSUM.unpack_from(self._map, place + _ROW.size)[0] == zlib.crc32(row):
                rows.append(_ROW.unpack(row))
        if not rows:
            return 0, None
        generation, *fields = max(rows)
        return generation, Settled(*fields)
