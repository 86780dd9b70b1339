"""Where workers leave their tallies for whoever shows metrics: a file for each, taken up again after a restart."""

import os
from pathlib import Path
from typing import Final

import structlog

from edge.tally import Tally

log = structlog.get_logger(__name__)


class TallyFile:
    """The file of one worker's slot in the run directory."""

    def __init__(self, run_dir: Path, slot: int) -> None:
        self.path: Final = run_dir / f"edge-{slot}.metrics.json"
        self._failing = False

    def resume(self) -> Tally:
        """The tally that the slot's worker before this one left, or an empty one. Gauges start anew."""
        try:
            tally = Tally.load(self.path.read_bytes())
        except (OSError, ValueError):
            return Tally()
        tally.gauges = {}
        return tally

    def write(self, tally: Tally) -> None:
        """Writes the tally so that a reader never sees half of it. Where that fails the counts wait for the next
        time: told once, and never a reason to stop serving."""
        scratch = self.path.with_suffix(".tmp")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # not for everybody: who wants them shows a token to the management API
            with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(tally.dump())
            os.replace(scratch, self.path)
        except OSError as error:
            if not self._failing:
                log.warning("counters cannot be written", error=repr(error))
            self._failing = True
        else:
            self._failing = False


def load_tallies(run_dir: Path) -> list[Tally]:
    """The tallies of all workers; a file that cannot be read is left out."""
    tallies = []
    for path in sorted(run_dir.glob("edge-*.metrics.json")):
        try:
            tallies.append(Tally.load(path.read_bytes()))
        except (OSError, ValueError):
            continue
    return tallies
