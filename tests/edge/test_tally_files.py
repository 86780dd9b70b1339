"""Counters go on over restarts; a file that cannot be read or written costs counts and nothing else."""

import os
from pathlib import Path

from structlog.testing import capture_logs

from edge.tally import Tally
from edge.tally_files import LEVELS_SECONDS, TallyFile, load_tallies
from tests.edge.tallies import counted

NOW = 2_000_000_000.0


def test_a_restarted_worker_goes_on_counting(tmp_path: Path) -> None:
    first = counted(2)
    first.gauges["telemetry_spooled_records"] = 7.0
    TallyFile(tmp_path, "0").write(first)
    second = TallyFile(tmp_path, "0").resume()
    second.request("GET", "/api", 200, 0.004, 10, 20)
    assert second.requests["GET", "/api", 200].count == 3
    assert second.gauges == {}


def test_two_processes_of_a_slot_have_a_file_each_and_the_sum_is_of_both(tmp_path: Path) -> None:
    TallyFile(tmp_path, "0").write(counted(2))
    successor = TallyFile(tmp_path, "0-1")
    tally = successor.resume()
    tally.request("GET", "/api", 200, 0.004, 10, 20)
    successor.write(tally)
    assert [each.requests["GET", "/api", 200].count for each in load_tallies(tmp_path, NOW)] == [1, 2]


def test_a_dead_worker_leaves_its_counts_and_no_levels(tmp_path: Path) -> None:
    for place, age in (("0", LEVELS_SECONDS - 1), ("1", LEVELS_SECONDS + 1)):
        tally = counted(2)
        tally.gauges["gateway_config_revision"] = 7.0
        file = TallyFile(tmp_path, place)
        file.write(tally)
        os.utime(file.path, (NOW - age, NOW - age))
    alive, dead = load_tallies(tmp_path, NOW)
    assert alive.gauges == {"gateway_config_revision": 7.0}
    assert (dead.gauges, dead.requests["GET", "/api", 200].count) == ({}, 2)


def test_a_damaged_file_is_left_out(tmp_path: Path) -> None:
    TallyFile(tmp_path, "0").write(counted(2))
    damaged = TallyFile(tmp_path, "1")
    damaged.path.write_bytes(b"{")
    assert len(load_tallies(tmp_path, NOW)) == 1
    assert damaged.resume().requests == {}


def test_a_folder_that_is_not_there_is_made(tmp_path: Path) -> None:
    TallyFile(tmp_path / "run" / "edge", "0").write(counted(1))
    assert len(load_tallies(tmp_path / "run" / "edge", NOW)) == 1


def test_the_counts_are_for_their_owner_alone(tmp_path: Path) -> None:
    file = TallyFile(tmp_path, "0")
    file.write(counted(1))
    assert file.path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_written_is_told_once_and_tried_again(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.write_text("not a folder")
    file = TallyFile(folder, "0")
    with capture_logs() as lines:
        file.write(counted(1))
        file.write(counted(2))
    assert [line["event"] for line in lines] == ["counters cannot be written"]
    folder.unlink()
    file.write(counted(3))
    assert [tally.requests["GET", "/api", 200].count for tally in load_tallies(folder, NOW)] == [3]
    assert isinstance(file.resume(), Tally)
