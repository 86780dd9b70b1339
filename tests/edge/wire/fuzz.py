"""Mutations of the cases against the edge in memory: `python -m tests.edge.wire.fuzz --seed 1 --count 200000`.

Prints what is wrong, with octets that bring it about again, and how many requests were passed on and refused; ends
with 1 when anything was wrong.
"""

import argparse
import asyncio
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from random import Random

from tests.edge.wire.memory import run
from tests.edge.wire.mutations import mutants, pieces
from tests.edge.wire.oracle import discrepancies
from tests.edge.wire.trace import Trace

AT_ONCE = 250


@dataclass(slots=True)
class Findings:
    """What came of many mutants: each that something is wrong with, with the sentences; answers by their status."""

    wrong: list[tuple[list[bytes], list[str]]] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    silent: int = 0
    """Connections that were closed without an answer."""

    def note(self, sending: list[bytes], trace: Trace) -> None:
        """Takes one more in."""
        self.statuses.update(record.status for record in trace.records)
        self.silent += not trace.records
        if sentences := discrepancies(trace):
            self.wrong.append((sending, sentences))


async def fuzz(seed: int, count: int) -> Findings:
    """Sends so many mutants, each in one to four pieces; every other group to an upstream that answers early."""
    findings, left = Findings(), mutants(seed, count)
    random = Random(seed)  # noqa: S311 – must be foreseeable
    eager = False
    while group := [pieces(octets, random) for octets in islice(left, AT_ONCE)]:
        for sending, trace in zip(group, await run(group, eager=eager), strict=True):
            findings.note(sending, trace)
        eager = not eager
    return findings


def main() -> int:
    """Runs as the options say."""
    parser = argparse.ArgumentParser(prog="python -m tests.edge.wire.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=100_000)
    options = parser.parse_args()
    begun = time.monotonic()
    findings = asyncio.run(fuzz(options.seed, options.count))
    for sending, sentences in findings.wrong:
        print(f"{sending!r}\n  " + "\n  ".join(sentences))
    statuses = ", ".join(f"{status}: {count}" for status, count in sorted(findings.statuses.items()))
    print(
        f"seed {options.seed}: {options.count} connections in {time.monotonic() - begun:.0f} s, "
        f"answers {statuses}, {findings.silent} connections without one, {len(findings.wrong)} wrong"
    )
    return 1 if findings.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
