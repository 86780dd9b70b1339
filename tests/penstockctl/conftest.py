"""Folders for real servers: short enough for Unix sockets, open enough for other users to pass through."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="pc"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)
