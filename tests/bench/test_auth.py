"""What was measured of authentication, as columns."""

from bench.auth import Feed, Pass, in_force, recalled, told
from bench.credentials import Recalls


def test_a_whole_core_is_told_by_processor_time() -> None:
    done = Pass(keys=1_000, seconds=0.5, p50_ms=1.0, p99_ms=2.0, service_us=40.0, helper_busy=0.9, failed=3)
    assert told(done) == ["2,000", "1.0", "2.0", "40", "25,000", "90%", "3"]


def test_revocations_are_told_with_those_that_were_pending() -> None:
    assert in_force(Feed([float(number) for number in range(1, 102)], pending=2)) == ["101", "51.0", "101.0", "2"]


def test_what_recalls_and_the_collector_cost() -> None:
    lines = recalled(Recalls(0.4, 2.0, 6.0, 0.0, 0.1, 5.0)).splitlines()
    assert [line.rpartition("|")[0].rpartition("|")[2].strip() for line in lines[2:]] == [
        *("0.40 µs", "2.00 µs", "6.00 µs"),
        *("0.0 ms", "0.1 ms", "5.0 ms"),
    ]
