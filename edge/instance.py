"""Who this worker is towards configsvc and authsvc: the gateway's own id, the worker's slot, and this run of it."""

import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

_FILE: Final = "gateway.id"
_GATEWAY_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Instance:
    """Gateway id and slot are the identity, from start to start; the boot id, a UUID, is new with every process."""

    gateway_id: str
    slot: int
    boot_id: str


def load_instance(data_dir: Path, slot: int) -> Instance:
    """The instance of worker `slot`; its gateway's id is kept in `data_dir`, made by whichever worker is first.

    ValueError when the file holds something else than an id; OSError when the directory cannot be written.
    """
    path = data_dir / _FILE
    if not path.exists():
        _make(path)
    gateway_id = path.read_text(encoding="utf-8").strip()
    if not _GATEWAY_ID.fullmatch(gateway_id):
        raise ValueError(f"{path} does not hold a gateway id")
    return Instance(gateway_id, slot, str(uuid4()))


def _make(path: Path) -> None:
    """Puts a whole file there at once: a link fails if somebody was faster, and nobody ever reads half an id."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=_FILE, encoding="utf-8") as file:
        file.write(f"{uuid4()}\n")
        file.flush()
        os.fsync(file.fileno())
        try:
            os.link(file.name, path)
        except FileExistsError:
            return
