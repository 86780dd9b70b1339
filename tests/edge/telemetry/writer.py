"""A process that notes records into the spool in `argv[1]` and tells each on stdout, until it is killed."""

import os
import sys
from itertools import count
from pathlib import Path

from edge.telemetry.slots import claim_slot
from edge.telemetry.spool import Spool


def main(root: str) -> None:
    spool = Spool(claim_slot(Path(root), 0).folder, 64 * 1024, 64 * 1024 * 1024)
    for number in count():
        spool.append(b"record %d " % number * (1 + number % 20))
        os.write(1, b"\n")


if __name__ == "__main__":
    main(sys.argv[1])
