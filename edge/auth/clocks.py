"""Two clocks: by the wall clock credentials expire; by the steady one leases run out and entries grow old.

A wall clock that is set back would lengthen a lease beyond the 30 s after which authsvc calls a revocation in force.
"""

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment in seconds: `wall` since 1970, `steady` since this machine started."""

    wall: float
    steady: float


def steady_seconds() -> float:
    """A clock that nobody sets. Unlike `time.monotonic` it goes on while the machine sleeps, as authsvc's does."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
