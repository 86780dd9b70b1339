"""Files that only their owner may read. A crash leaves the old content or the new."""

import os
import secrets
from pathlib import Path

from penstockctl.faults import OperatorError


def make_private_folder(path: Path) -> None:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def write_private_text(path: Path, text: str) -> None:
    """Write `text` to `path` with mode 0600, all or nothing."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def read_or_make_secret(path: Path) -> str:
    """The secret kept in `path`; on the first call a new one (32 random bytes, URL-safe) is made and kept.

    OperatorError: the file is empty.
    """
    if not path.exists():
        write_private_text(path, secrets.token_urlsafe(32) + "\n")
    secret = read_kept(path)
    if secret is None:
        raise OperatorError(f"The file {path} is empty: restore it from a backup.")
    return secret


def read_kept(path: Path) -> str | None:
    """What is kept in `path`, without the line end; None when there is nothing."""
    return (path.read_text().strip() or None) if path.exists() else None
