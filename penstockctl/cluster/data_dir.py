"""The data directory, claimed for one running cluster. Looks at nothing inside but its own lock file."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from penstockctl.faults import OperatorError

_LOCK = "penstock.lock"


@contextmanager
def claim_data_dir(path: Path) -> Iterator[Path]:
    """Make the directory if need be and hold its lock. Yields the absolute path.

    OperatorError: it cannot be written, belongs to another user, or another `penstock up` holds it.
    """
    lock = path / _LOCK
    refuse_strangers(path)
    try:
        # Others may pass through, not list: a server that runs as nobody has its data below.
        path.mkdir(mode=0o711, parents=True, exist_ok=True)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise OperatorError(f"The data directory {path} is a file: choose another with --data-dir.") from None
    except OSError as error:
        raise OperatorError(
            f"The data directory {path} is not writable ({error.strerror}): choose another with --data-dir."
        ) from None
    with os.fdopen(descriptor, "r+") as file:
        _lock(path, file.fileno(), file.read().strip())
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        # The lock belongs to this open file: the kernel frees it when the process ends, however it ends.
        yield path.resolve()


def refuse_strangers(path: Path) -> None:
    """Raises OperatorError when another user made the data directory `path`; a new one, or one that cannot be looked
    into, passes."""
    try:
        owner = (path / _LOCK).stat().st_uid
    except OSError:
        return
    if owner != os.geteuid():
        raise OperatorError(
            f"The data directory {path} was made by user id {owner} and cannot be used by user id"
            f" {os.geteuid()}: start as that user, or choose another with --data-dir."
        )


def _lock(path: Path, descriptor: int, holder: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise OperatorError(
            f"The data directory {path} is in use by another `penstock up` (process {holder or 'unknown'}):"
            " stop that one, or choose another with --data-dir."
        ) from None
