"""The data directory, claimed for one cluster."""

import os
import sys
from pathlib import Path

import pytest

from penstockctl.cluster.data_dir import claim_data_dir
from penstockctl.faults import OperatorError
from tests.penstockctl.processes import as_ordinary_user, read_until, started

CLAIM = """
import sys
from pathlib import Path
from penstockctl.cluster.data_dir import claim_data_dir
from penstockctl.faults import OperatorError
try:
    with claim_data_dir(Path(sys.argv[1])):
        print("claimed", flush=True)
        __import__("signal").pause()
except OperatorError as error:
    print("refused:", error, flush=True)
"""


def claim(folder: Path) -> tuple[str, ...]:
    return (sys.executable, "-c", CLAIM, str(folder))


def refusal(folder: Path) -> str:
    with pytest.raises(OperatorError) as refused, claim_data_dir(folder):
        pass
    return str(refused.value)


async def test_a_second_cluster_is_refused_with_the_process_that_holds_it(folder: Path) -> None:
    async with started(*claim(folder / "d")) as first:
        await read_until(first, "claimed")
        with (
            pytest.raises(OperatorError, match=rf"in use by another `penstock up` \(process {first.pid}\)"),
            claim_data_dir(folder / "d"),
        ):
            pass


async def test_a_killed_cluster_leaves_the_directory_free(folder: Path) -> None:
    async with started(*claim(folder / "d")) as first:
        await read_until(first, "claimed")
        first.kill()
        await first.wait()
    with claim_data_dir(folder / "d") as claimed:
        assert claimed == (folder / "d").resolve()


def test_a_directory_that_cannot_be_made_names_the_option(folder: Path) -> None:
    (folder / "file").touch()
    for path, said in (
        (folder / "file", r"is a file: choose another with --data-dir"),
        (folder / "file/below", r"is not writable \(Not a directory\): choose another with --data-dir"),
    ):
        with pytest.raises(OperatorError, match=said), claim_data_dir(path):
            pass


async def test_an_ordinary_user_is_told_of_a_directory_that_is_not_writable(folder: Path) -> None:
    (folder / "d").mkdir()
    (folder / "d").chmod(0o555)
    async with started(*as_ordinary_user(*claim(folder / "d")), PYTHONDONTWRITEBYTECODE="1") as process:
        said = await read_until(process, "refused")
    assert "is not writable (Permission denied)" in said[-1]


def test_a_directory_of_another_user_is_refused(folder: Path) -> None:
    with claim_data_dir(folder / "d"):
        pass
    lock = folder / "d/penstock.lock"
    if os.geteuid() == 0:
        os.chown(lock, 4711, -1)
        with (
            pytest.raises(OperatorError, match="was made by user id 4711 and cannot be used by user id 0"),
            claim_data_dir(folder / "d"),
        ):
            pass
    else:
        assert lock.stat().st_uid == os.geteuid()
