"""A spool folder has one owner at a time, and those of the dead are found."""

from pathlib import Path

from edge.telemetry.slots import claim_orphans, claim_slot, try_claim
from tests.edge.telemetry.spools import append_all, numbered, open_spool


def test_a_worker_gets_the_folder_of_its_slot(tmp_path: Path) -> None:
    assert [claim_slot(tmp_path, slot).name for slot in (0, 1)] == ["0", "1"]


def test_a_successor_gets_another_folder_while_its_predecessor_drains(tmp_path: Path) -> None:
    predecessor = claim_slot(tmp_path, 0)
    assert claim_slot(tmp_path, 0).name == "0-1"
    predecessor.release()
    assert claim_slot(tmp_path, 0).name == "0"


def test_orphans_are_the_unlocked_folders_that_hold_records(tmp_path: Path) -> None:
    for name in ("alive", "dead", "empty"):
        (tmp_path / name).mkdir()
    for name in ("alive", "dead"):
        spool = open_spool(tmp_path / name)
        append_all(spool, numbered(1))
        spool.close()
    alive = try_claim(tmp_path / "alive")

    assert [slot.name for slot in claim_orphans(tmp_path)] == ["dead"]
    assert alive is not None
