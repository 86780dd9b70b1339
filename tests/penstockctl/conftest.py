"""Folders for real servers: short enough for Unix sockets, open enough for other users to pass through."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstockctl.embedded.postgres import prepare_postgres


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder of the test's own."""
    path = _make_folder()
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def made_once() -> Iterator[Path]:
    """PostgreSQL data to copy: making them takes seconds."""
    path = _make_folder()
    asyncio.run(prepare_postgres(path / "pg", path / "s"))
    yield path / "pg"
    shutil.rmtree(path)


@pytest.fixture
def with_data(folder: Path, made_once: Path) -> Path:
    """An own folder with PostgreSQL data that never ran, in `pg`."""
    shutil.copytree(made_once, folder / "pg")
    return folder


def _make_folder() -> Path:
    path = Path(tempfile.mkdtemp(prefix="pc"))
    path.chmod(0o711)
    return path
