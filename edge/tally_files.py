"""Where workers leave their tallies for whoever shows metrics: a file for each, taken up again after a restart.

A file has one writer: it is named like the spool that the worker has locked. A worker that replaces another while
that one drains has a spool, and so a file, of its own; the sum over the files is right at every moment.
"""

import os
from pathlib import Path
from typing import Final

import structlog

from edge.tally import Tally

LEVELS_SECONDS: Final = 10.0
"""Written every second: a file that is older has no writer any more. Its counts stay, its levels do not."""
log = structlog.get_logger(__name__)


class TallyFile:
    """The file of the worker that holds the spool `place`, in the run directory."""

    def __init__(self, run_dir: Path, place: str) -> None:
        self.path: Final = run_dir / f"edge-{place}.metrics.json"
        self._failing = False

    def resume(self) -> Tally:
        """The tally that the file's last writer left, or an empty one. Gauges start anew."""
        try:
            tally = Tally.load(self.path.read_bytes())
        except (OSError, ValueError):
            return Tally()
        tally.forget_levels()
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


def load_tallies(run_dir: Path, now: float) -> list[Tally]:
    """The tallies of all workers, living and dead, at `now` (seconds since 1970); a file that cannot be read is left
    out."""
    tallies = []
    for path in sorted(run_dir.glob("edge-*.metrics.json")):
        try:
            tally = Tally.load(path.read_bytes())
            if now - path.stat().st_mtime > LEVELS_SECONDS:
                tally.gauges.clear()
                tally.targets.clear()
        except (OSError, ValueError):
            continue
        tallies.append(tally)
    return tallies
