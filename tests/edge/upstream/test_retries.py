"""When a request is sent again, and how often in all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock.errors.v1 import error_reason_pb2 as reasons

from edge.upstream.retries import (
    IDEMPOTENT,
    SPARE,
    WINDOW_SECONDS,
    Attempt,
    Budget,
    Failure,
    failure_of,
    may_repeat,
)

attempts = st.builds(
    Attempt,
    st.sampled_from(Failure),
    st.sampled_from(["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "POST", "PATCH"]),
    st.integers(1, 6),
    st.booleans(),
    st.booleans(),
    st.sampled_from([-1.0, 0.0, 0.1, 5.0]),
)


@given(attempts, st.integers(1, 5))
def test_a_request_is_never_carried_out_twice_by_our_doing(attempt: Attempt, most: int) -> None:
    if may_repeat(attempt, most):
        assert attempt.attempts < most
        assert not attempt.answering
        assert attempt.seconds_left > 0
        assert attempt.failure is Failure.UNSENT or (attempt.method in IDEMPOTENT and attempt.replayable)
        assert attempt.failure is not Failure.FINAL


@pytest.mark.parametrize(
    ("failure", "method", "replayable", "repeated"),
    [
        (Failure.UNSENT, "POST", False, True),
        (Failure.UNANSWERED, "POST", True, False),
        (Failure.UNANSWERED, "GET", True, True),
        (Failure.UNANSWERED, "PUT", True, True),
        (Failure.UNANSWERED, "PUT", False, False),
        (Failure.ERROR, "GET", True, True),
        (Failure.ERROR, "PATCH", True, False),
        (Failure.FINAL, "GET", True, False),
    ],
)
def test_what_was_sent_is_sent_again_only_by_an_idempotent_method(
    failure: Failure, method: str, replayable: bool, repeated: bool
) -> None:
    assert may_repeat(Attempt(failure, method, 1, False, replayable, 5.0), 2) is repeated


@pytest.mark.parametrize(
    ("status", "failure", "stage", "got"),
    [
        (0, reasons.ERROR_REASON_DOWNSTREAM_UNREACHABLE, "connect", Failure.UNSENT),
        (0, reasons.ERROR_REASON_DOWNSTREAM_TIMEOUT, "connect", Failure.UNSENT),
        (0, reasons.ERROR_REASON_DOWNSTREAM_UNAVAILABLE, "connect", Failure.UNSENT),
        (0, reasons.ERROR_REASON_DOWNSTREAM_RESET, "response", Failure.UNANSWERED),
        (0, reasons.ERROR_REASON_DOWNSTREAM_INVALID, "response", Failure.UNANSWERED),
        (0, reasons.ERROR_REASON_DOWNSTREAM_TIMEOUT, "response", Failure.FINAL),
        (200, reasons.ERROR_REASON_DOWNSTREAM_RESET, "idle", Failure.FINAL),
        (0, reasons.ERROR_REASON_REQUEST_TIMEOUT, "body", Failure.FINAL),
        (503, None, "idle", Failure.ERROR),
        (500, None, "idle", Failure.FINAL),
        (200, None, "idle", Failure.FINAL),
    ],
)
def test_how_far_a_failed_request_got(status: int, failure: int | None, stage: str, got: Failure) -> None:
    assert failure_of(status, failure, stage) is got


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0, 4.0)), max_size=200),
    st.integers(0, 100),
)
def test_repeats_stay_within_their_share_of_the_requests(steps: list[tuple[bool, float]], percent: int) -> None:
    budget, now, requests, repeats = Budget(percent), 0.0, list[float](), list[float]()
    for is_repeat, pause in steps:
        now += pause
        if not is_repeat:
            budget.request(now)
            requests.append(now)
        elif budget.take(now):
            repeats.append(now)
            # the window that this one is in began at most so long ago, and the one before it
            recent = [each for each in requests if each > now - 3 * WINDOW_SECONDS]
            same = [each for each in repeats if each > now - WINDOW_SECONDS]
            assert len(same) <= 2 * SPARE + 2 * percent * len(recent) / 100


def test_a_quiet_service_may_repeat_a_few() -> None:
    budget = Budget(20)
    assert [budget.take(0.0) for _ in range(4)] == [True, True, True, False]


def test_a_busy_service_may_repeat_a_fifth() -> None:
    budget = Budget(20)
    for _ in range(100):
        budget.request(5.0)
    assert sum(budget.take(5.0) for _ in range(100)) == 20 + SPARE


def test_an_old_window_gives_no_budget() -> None:
    budget = Budget(100)
    for _ in range(50):
        budget.request(0.0)
    assert sum(budget.take(1_000.0) for _ in range(60)) == SPARE
