"""The folder for Unix sockets."""

import socket
from pathlib import Path

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
