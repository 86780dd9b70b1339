"""Small spools for tests: segments of a few records, read and settled in one go."""

from collections.abc import Iterable
from pathlib import Path

from edge.telemetry.spool import Spool

SEGMENT_BYTES = 4096
TOTAL_BYTES = 16 * SEGMENT_BYTES


def open_spool(folder: Path, total_bytes: int = TOTAL_BYTES) -> Spool:
    return Spool(folder, SEGMENT_BYTES, total_bytes)


def append_all(spool: Spool, frames: Iterable[bytes]) -> None:
    for frame in frames:
        spool.append(frame)


def read_all(spool: Spool, most: int = 7) -> list[bytes]:
    """What is unread, read in batches."""
    frames: list[bytes] = []
    while (batch := spool.read(most, 1 << 20)) is not None:
        frames += batch.frames
    return frames


def settle_all(spool: Spool, most: int = 7) -> list[bytes]:
    """Reads and settles what is unread, as a collector that takes everything."""
    frames: list[bytes] = []
    while (batch := spool.read(most, 1 << 20)) is not None:
        frames += batch.frames
        spool.settle(batch, 0)
    return frames


def numbered(count: int, start: int = 0) -> list[bytes]:
    """Frames that differ in content and length."""
    return [f"frame {number} ".encode() * (1 + number % 9) for number in range(start, start + count)]
