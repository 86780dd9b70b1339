"""The windows of a worker that is on its own."""

from edge.limits.decision import Source
from edge.limits.local import LocalWindows
from tests.edge.limits.conftest import limit_set

MINUTE = 60_000_000


class Clock:
    def __init__(self) -> None:
        self.micros = 1_000

    def __call__(self) -> int:
        return self.micros


def test_the_full_limit_holds_and_the_wait_is_exact() -> None:
    clock = Clock()
    windows, limits = LocalWindows(clock), limit_set(2)
    first, second, third = (windows.decide(limits, 1) for _ in range(3))
    assert [first.allowed, second.allowed, third.allowed] == [True, True, False]
    assert (third.source, third.retry_after_millis, third.policy) == (Source.LOCAL, 60_000, "default")
    clock.micros += MINUTE
    assert windows.decide(limits, 1).allowed


def test_callers_of_a_tenant_share_its_aggregate_whether_known_or_not() -> None:
    windows = LocalWindows(Clock())
    windows.decide(limit_set(5, aggregate=2, caller="alice"), 1)
    windows.decide(limit_set(5, aggregate=2, caller="192.0.2.1", anonymous=True), 1)
    refused = windows.decide(limit_set(5, aggregate=2, caller="bob"), 1)
    assert (refused.allowed, refused.policy) == (False, "tenant")


def test_a_flood_of_addresses_shares_one_counter_once_there_is_no_place() -> None:
    windows = LocalWindows(Clock(), max_counters=10)
    for number in range(10):
        windows.decide(limit_set(2, caller=f"192.0.2.{number}", anonymous=True), 1)
    late = [windows.decide(limit_set(2, caller=f"198.51.100.{n}", anonymous=True), 1).allowed for n in range(4)]
    assert late == [True, True, False, False]
    assert windows.decide(limit_set(2, caller="192.0.2.0", anonymous=True), 1).allowed
    assert windows.decide(limit_set(2, caller="alice"), 1).remaining == 1


def test_counters_that_are_empty_again_make_place() -> None:
    clock = Clock()
    windows = LocalWindows(clock, max_counters=2)
    for caller in ("a", "b"):
        windows.decide(limit_set(1, caller=caller), 1)
    clock.micros += MINUTE
    assert [windows.decide(limit_set(1, caller=caller), 1).allowed for caller in ("c", "d")] == [True, True]


def test_a_refused_request_takes_no_place() -> None:
    windows = LocalWindows(Clock(), max_counters=1)
    windows.decide(limit_set(2, caller="a"), 0)
    windows.decide(limit_set(2, caller="a"), 1)
    assert windows.decide(limit_set(2, caller="a"), 1).remaining == 0
