"""kill -9 of a writing process loses nothing: what it noted is in the spool, what it was noting is counted."""

import signal
import subprocess
import sys
from dataclasses import astuple
from pathlib import Path

import pytest

from edge.telemetry.slots import claim_slot
from edge.telemetry.spool import Spool
from tests.edge.telemetry.spools import read_all


def note_until_killed(root: Path, least: int) -> int:
    """Lets a real process write, kills it with SIGKILL and returns how many records it said it had noted."""
    command = [sys.executable, "-m", "tests.edge.telemetry.writer", str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        told = len(process.stdout.read(least))
        process.send_signal(signal.SIGKILL)
        return told + len(process.stdout.read())


@pytest.mark.parametrize("least", [1, 2_000, 7_777])
def test_every_record_that_was_noted_is_in_the_spool_of_a_killed_process(tmp_path: Path, least: int) -> None:
    noted = note_until_killed(tmp_path, least)

    spool = Spool(claim_slot(tmp_path, 0).folder)

    found = read_all(spool, 1000)
    assert found[:noted] == [b"record %d " % number * (1 + number % 20) for number in range(noted)]
    tally = spool.tally()
    answered, *others = astuple(tally)
    assert answered == sum(others)
    assert noted <= answered <= noted + 1  # the kill may have come between the note and its telling
    assert tally.damaged <= 1
    spool.close()
