"""The folder for Unix sockets: their paths are limited to 107 bytes, too few below a deep folder."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# sockaddr_un.sun_path has 108 bytes with the closing zero on Linux (unix(7)), 104 on macOS.
MAX_SOCKET_PATH_BYTES = 103
# The longest name that is put under the folder.
LONGEST_NAME = "/telemetrysvc.metrics.sock"


def fits(folder: Path) -> bool:
    """Whether each socket under `folder` has a path that the system accepts."""
    return len(f"{folder.resolve()}{LONGEST_NAME}".encode()) <= MAX_SOCKET_PATH_BYTES


@contextmanager
def open_run_dir(preferred: Path) -> Iterator[Path]:
    """`preferred`, made if need be; a temporary folder, removed at the end, when that is too deep.

    Others may pass through it, not list it: a server that runs as the account nobody has its sockets below.
    """
    if fits(preferred):
        preferred.mkdir(mode=0o711, parents=True, exist_ok=True)
        yield preferred.resolve()
        return
    folder = Path(tempfile.mkdtemp(prefix="penstock-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
