"""The clock that leases are counted on."""

import time

from edge.auth.clocks import steady_seconds


def test_the_steady_clock_counts_from_the_machines_start_and_through_its_sleep() -> None:
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    steady = steady_seconds()

    assert before <= steady <= time.clock_gettime(time.CLOCK_BOOTTIME)
    assert steady < time.time()
