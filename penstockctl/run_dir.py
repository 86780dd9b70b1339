"""The folder for Unix sockets: their paths are limited to 107 bytes, too few below a deep folder, and they stand in
URLs and lists where some characters mean something."""

import hashlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# sockaddr_un.sun_path has 108 bytes with the closing zero on Linux (unix(7)), 104 on macOS.
MAX_SOCKET_PATH_BYTES = 103
# The longest name that is put under the folder.
LONGEST_NAME = "/telemetrysvc.metrics.sock"


# What is not among these is escaped by one and not unescaped by the next: gRPC's and Redis's URLs take `%`, `#`, `?`,
# PostgreSQL's and our own lists take `,`.
_PLAIN = re.compile(r"[A-Za-z0-9/._+-]+")


def fits(folder: Path) -> bool:
    """Whether each socket under `folder` has a path that the system accepts and every client understands."""
    longest = f"{folder.resolve()}{LONGEST_NAME}"
    return len(longest.encode()) <= MAX_SOCKET_PATH_BYTES and _PLAIN.fullmatch(longest) is not None


@contextmanager
def open_run_dir(preferred: Path) -> Iterator[Path]:
    """`preferred`, made if need be; a temporary folder, removed at the end, when that does not do.

    The caller holds `preferred` for itself alone. The temporary folder has one name for it, so that the next start
    finds what a killed one left.
    Others may pass through it, not list it: a server that runs as the account nobody has its sockets below.
    """
    if fits(preferred):
        preferred.mkdir(mode=0o711, parents=True, exist_ok=True)
        yield preferred.resolve()
        return
    folder = _make_temporary(hashlib.sha256(os.fsencode(preferred.resolve())).hexdigest()[:16])
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make_temporary(name: str) -> Path:
    folder = Path(tempfile.gettempdir()).resolve() / f"penstock-{name}"
    if _is_own(folder):
        shutil.rmtree(folder)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:  # in a folder that all may write to, somebody else may have taken the name
        return Path(tempfile.mkdtemp(prefix="penstock-")).resolve()
    return folder


def _is_own(folder: Path) -> bool:
    """Whether `folder` is a directory of ours, and no link to one."""
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
