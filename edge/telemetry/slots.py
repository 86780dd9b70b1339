"""Which spool folder belongs to which process, by a file lock that dies with its holder.

A worker takes the folder of its slot, or `<slot>-1`, `<slot>-2` … while its predecessor still drains. Folders
of the dead are adopted by whoever finds them unlocked.
"""

import fcntl
import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Final

from edge.telemetry.segment import SUFFIX

_LOCK: Final = "lock"


class Slot:
    """A spool folder that this process holds; `name` identifies it within the gateway."""

    def __init__(self, folder: Path, descriptor: int) -> None:
        self.folder: Final = folder
        self.name: Final = folder.name
        self._descriptor = descriptor

    def release(self) -> None:
        os.close(self._descriptor)


def claim_slot(root: Path, slot: int) -> Slot:
    """The folder of a worker slot below `root`, made if need be. OSError when it cannot be."""
    for attempt in count():
        claimed = try_claim(root / (f"{slot}-{attempt}" if attempt else str(slot)))
        if claimed is not None:
            return claimed
    raise AssertionError("there is always one more name")


def try_claim(folder: Path) -> Slot | None:
    """The folder, or None when another process holds it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return Slot(folder, descriptor)


def claim_orphans(root: Path) -> Iterator[Slot]:
    """The folders that hold segments and belong to nobody, each claimed."""
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        if any(folder.glob(f"*{SUFFIX}")):
            claimed = try_claim(folder)
            if claimed is not None:
                yield claimed
