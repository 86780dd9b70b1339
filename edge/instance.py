"""Which edge worker this is: the gateway's id, kept in its data directory, the worker's slot, and this start's id."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Instance:
    """Gateway id and slot identify a worker towards the services; the boot id changes with every start."""

    gateway_id: str
    slot: int
    boot_id: str


def load_instance(data_dir: Path, slot: int) -> Instance:
    """This worker's identity; the first worker of a gateway makes its id. OSError, ValueError: it cannot be kept."""
    path = data_dir / "gateway.id"
    data_dir.mkdir(parents=True, exist_ok=True)
    scratch = data_dir / f".gateway.id.{uuid4().hex}"
    scratch.write_text(f"gw-{uuid4().hex[:16]}\n")
    try:
        os.link(scratch, path)  # unlike a rename, it never replaces the id of a worker that was faster
    except FileExistsError:
        pass
    finally:
        scratch.unlink()
    gateway_id = path.read_text().strip()
    if not _ID.fullmatch(gateway_id):
        raise ValueError(f"{path} does not hold a gateway id")
    return Instance(gateway_id, slot, str(uuid4()))
