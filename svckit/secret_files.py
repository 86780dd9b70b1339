"""Reads files that hold a secret, and takes none that others than its owner may touch."""

import os
from pathlib import Path

_OTHERS = 0o077


class SecretFileError(Exception):
    """A file with a secret cannot be used; the text names it and says why."""


def read_secret(path: Path) -> bytes:
    """What is in the file; SecretFileError when it cannot be read, or the group or others have any right to it."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & _OTHERS:
                raise SecretFileError(f"{path} is open to others than its owner: chmod 600")
            return file.read()
    except OSError as error:
        raise SecretFileError(f"{path} cannot be read: {error.strerror}") from error
