"""The folder for Unix sockets."""

import socket
from pathlib import Path

import pytest

from penstockctl.run_dir import LONGEST_NAME, fits, open_run_dir


def test_a_short_folder_is_used_and_kept(folder: Path) -> None:
    with open_run_dir(folder / "run") as run_dir:
        assert run_dir == (folder / "run").resolve()
    assert run_dir.is_dir()


def test_a_deep_folder_gives_way_to_a_temporary_one_where_sockets_can_be_made(folder: Path) -> None:
    deep = folder / ("d" * 100) / "run"
    with open_run_dir(deep) as run_dir, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{run_dir}{LONGEST_NAME}")
    assert not run_dir.exists()
    assert not deep.exists()


def test_the_longest_path_that_fits_is_accepted_by_the_system(folder: Path) -> None:
    room = 103 - len(f"{folder.resolve()}/{LONGEST_NAME}".encode())
    longest = folder / ("d" * room)
    assert fits(longest)
    assert not fits(folder / ("d" * (room + 1)))
    with open_run_dir(longest) as run_dir, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{run_dir}{LONGEST_NAME}")


@pytest.mark.parametrize("name", ["50%", "a#b", "a?b", "a,b", "a b", "ä", "[bold]"])
def test_a_path_that_urls_or_lists_would_misread_gives_way_to_a_temporary_one(folder: Path, name: str) -> None:
    with open_run_dir(folder / name) as run_dir:
        assert fits(run_dir)
    assert not (folder / name).exists()


def test_what_a_killed_start_left_is_found_by_the_next_one(folder: Path) -> None:
    deep = folder / ("d" * 100)
    with open_run_dir(deep) as first:
        pass
    first.mkdir()
    (first / "authsvc.sock").touch()
    with open_run_dir(deep) as second, open_run_dir(folder / ("e" * 100)) as other:
        assert second == first != other
        assert list(second.iterdir()) == []
    assert not first.exists()


@pytest.mark.parametrize("kind", ["link", "file"])
def test_a_name_that_somebody_else_has_taken_is_left_alone(folder: Path, kind: str) -> None:
    deep, mine = folder / ("d" * 100), folder / "mine"
    mine.mkdir()
    (mine / "kept").touch()
    with open_run_dir(deep) as name:
        pass
    name.symlink_to(mine) if kind == "link" else name.touch()
    try:
        with open_run_dir(deep) as run_dir:
            assert run_dir not in (name, mine)
        assert (mine / "kept").exists()
    finally:
        name.unlink()
