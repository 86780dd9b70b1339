"""Counters go on over restarts; a file that cannot be read or written costs counts and nothing else."""

from pathlib import Path

from structlog.testing import capture_logs

from edge.tally import Tally
from edge.tally_files import TallyFile, load_tallies
from tests.edge.tallies import counted


def test_a_restarted_worker_goes_on_counting(tmp_path: Path) -> None:
    first = counted(2)
    first.gauges["telemetry_spooled_records"] = 7.0
    TallyFile(tmp_path, 0).write(first)
    second = TallyFile(tmp_path, 0).resume()
    second.request("GET", "/api", 200, 0.004, 10, 20)
    assert second.requests["GET", "/api", 200].count == 3
    assert second.gauges == {}


def test_a_damaged_file_is_left_out(tmp_path: Path) -> None:
    TallyFile(tmp_path, 0).write(counted(2))
    damaged = TallyFile(tmp_path, 1)
    damaged.path.write_bytes(b"{")
    assert len(load_tallies(tmp_path)) == 1
    assert damaged.resume().requests == {}


def test_a_folder_that_is_not_there_is_made(tmp_path: Path) -> None:
    TallyFile(tmp_path / "run" / "edge", 0).write(counted(1))
    assert len(load_tallies(tmp_path / "run" / "edge")) == 1


def test_the_counts_are_for_their_owner_alone(tmp_path: Path) -> None:
    file = TallyFile(tmp_path, 0)
    file.write(counted(1))
    assert file.path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_written_is_told_once_and_tried_again(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.write_text("not a folder")
    file = TallyFile(folder, 0)
    with capture_logs() as lines:
        file.write(counted(1))
        file.write(counted(2))
    assert [line["event"] for line in lines] == ["counters cannot be written"]
    folder.unlink()
    file.write(counted(3))
    assert [tally.requests["GET", "/api", 200].count for tally in load_tallies(folder)] == [3]
    assert isinstance(file.resume(), Tally)
