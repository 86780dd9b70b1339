"""The life of a target: its table, its counts, and what requests and checks say of it."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from penstock.errors.v1 import error_reason_pb2 as reasons

from edge.resilience import Breaker, HealthCheck
from edge.upstream.breaker import (
    NEW,
    TRANSITIONS,
    Checked,
    Event,
    State,
    Verdict,
    changed,
    checked,
    in_use,
    judged,
    verdict_of,
    waited,
)

BREAKER = Breaker(failures=3, open=10.0)
CLOSED, OPEN, HALF_OPEN, UNHEALTHY = State
SUCCESS, FAILURE, NOTHING = Verdict


@pytest.mark.parametrize(("state", "event"), list(product(State, Event)))
def test_an_event_changes_the_state_as_the_table_says_or_nothing(state: State, event: Event) -> None:
    before = changed(NEW, Event.CHECKS_FAILED, "", None, 0.0) if state is UNHEALTHY else NEW
    if state in (OPEN, HALF_OPEN):
        before = changed(NEW, Event.TRIPPED, "", BREAKER, 0.0)
    if state is HALF_OPEN:
        before = waited(before, 10.0)
    assert before.state is state
    after = changed(before, event, "why", BREAKER, 20.0)
    assert after.state is TRANSITIONS.get((state, event), state)
    assert (after is before) == ((state, event) not in TRANSITIONS)
    if after is not before:
        assert (after.reason, after.since, after.turn, after.failures) == ("why", 20.0, before.turn + 1, 0)


def test_every_state_is_left_again() -> None:
    for state in State:
        assert any(before is state and after is not state for (before, _), after in TRANSITIONS.items())


class Target(RuleBasedStateMachine):
    """A target whose requests come and go in any order, under a breaker and checks, beside a plain model of both."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.condition = NEW
        self.sent: list[int] = []
        self.row = 0
        self.well = True

    def become(self, condition: object) -> None:
        before, self.condition = self.condition, condition  # type: ignore[assignment]
        if self.condition.turn != before.turn:
            self.row = 0

    @precondition(lambda self: self.condition.state in (CLOSED, HALF_OPEN))
    @rule()
    def send(self) -> None:
        if self.condition.state is CLOSED or self.condition.turn not in self.sent:
            self.sent.append(self.condition.turn)

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), verdict=st.sampled_from(Verdict))
    def end(self, data: st.DataObject, verdict: Verdict) -> None:
        turn = self.sent.pop(data.draw(st.integers(0, len(self.sent) - 1)))
        if turn != self.condition.turn:
            return  # it was sent in another state
        before = self.condition
        if before.state is CLOSED and verdict is not NOTHING:
            self.row = self.row + 1 if verdict is FAILURE else 0
        row = self.row
        self.become(judged(before, verdict, "reset", BREAKER, self.now))
        if before.state is CLOSED:
            assert self.condition.state is (OPEN if row >= BREAKER.failures else CLOSED)
        elif verdict is not NOTHING:
            assert self.condition.state is (CLOSED if verdict is SUCCESS else OPEN)

    @rule(seconds=st.floats(0.1, 15.0))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        before = self.condition
        self.become(waited(before, self.now))
        if before.state is OPEN:
            assert (self.condition.state is HALF_OPEN) == (self.now >= before.until)
        else:
            assert self.condition is before

    @rule(passes=st.booleans())
    def check(self, passes: bool) -> None:
        self.well = passes
        event = Event.CHECKS_PASSED if passes else Event.CHECKS_FAILED
        self.become(changed(self.condition, event, "check", BREAKER, self.now))

    @invariant()
    def a_target_that_fails_its_checks_is_out_of_use(self) -> None:
        assert (self.condition.state is UNHEALTHY) == (not self.well)

    @invariant()
    def an_open_breaker_has_an_end(self) -> None:
        opened = self.condition.state is OPEN
        assert (self.condition.until <= self.now + BREAKER.open) == opened

    @invariant()
    def one_request_at_a_time_is_a_trial(self) -> None:
        if self.condition.state is HALF_OPEN:
            assert self.sent.count(self.condition.turn) <= 1


TestTarget = Target.TestCase


@pytest.mark.parametrize(("verdict", "then"), [(SUCCESS, CLOSED), (FAILURE, OPEN), (NOTHING, HALF_OPEN)])
def test_a_breaker_opens_waits_and_lets_one_request_decide(verdict: Verdict, then: State) -> None:
    condition = NEW
    for _ in range(BREAKER.failures):
        assert condition.state is CLOSED
        condition = judged(condition, FAILURE, "reset", BREAKER, 5.0)
    assert (condition.state, condition.until) == (OPEN, 15.0)
    assert waited(condition, 14.9).state is OPEN
    condition = waited(condition, 15.0)
    assert condition.state is HALF_OPEN
    condition = judged(condition, verdict, "reset", BREAKER, 16.0)
    assert condition.state is then
    if then is OPEN:
        assert condition.until == 26.0


def test_a_success_between_failures_starts_the_row_again() -> None:
    condition = NEW
    for verdict in (FAILURE, FAILURE, SUCCESS, FAILURE, FAILURE):
        condition = judged(condition, verdict, "reset", BREAKER, 0.0)
    assert (condition.state, condition.failures) == (CLOSED, 2)


def test_the_cause_of_an_open_breaker_is_told() -> None:
    condition = NEW
    for cause in ("503", "no answer in time", "cannot be reached"):
        condition = judged(condition, FAILURE, cause, BREAKER, 1.0)
    assert condition.reason == "3 failures in a row, the last: cannot be reached"


def test_without_a_breaker_failures_are_not_even_counted() -> None:
    assert judged(NEW, FAILURE, "reset", None, 1.0) is NEW


@given(st.lists(st.booleans(), max_size=40), st.integers(1, 5), st.integers(1, 5))
def test_checks_change_their_verdict_after_so_many_in_a_row_and_the_first_at_once(
    answers: list[bool], unhealthy_after: int, healthy_after: int
) -> None:
    rules = HealthCheck("/", 1.0, unhealthy_after, healthy_after)
    found, verdict = Checked(), None
    for number, passed in enumerate(answers):
        found = checked(found, passed, rules)
        needed = healthy_after if passed else unhealthy_after
        row = answers[max(0, number + 1 - needed) : number + 1]
        if verdict is None or row == [passed] * needed:
            verdict = passed
        assert found.healthy is verdict


@given(st.lists(st.sampled_from(State), min_size=1, max_size=8), st.integers(0, 100))
def test_the_last_target_is_never_out_of_use_but_by_its_own_breaker(states: list[State], panic: int) -> None:
    used = in_use(states, panic)
    closed = [place for place, state in enumerate(states) if state is CLOSED]
    assert set(closed) <= set(used)
    if panic and not used:
        assert len(states) == 1
        assert states[0] in (OPEN, HALF_OPEN)
    if used and list(used) != closed:
        assert list(used) == list(range(len(states)))
        assert len(closed) * 100 < panic * len(states)


@pytest.mark.parametrize(
    ("states", "panic", "used"),
    [
        ([CLOSED, OPEN, OPEN], 1, (0,)),
        ([CLOSED, OPEN, OPEN], 50, (0, 1, 2)),
        ([CLOSED, OPEN], 50, (0,)),
        ([OPEN, UNHEALTHY], 1, (0, 1)),
        ([OPEN, UNHEALTHY], 0, ()),
        ([OPEN], 1, ()),
        ([UNHEALTHY], 1, (0,)),
        ([UNHEALTHY], 0, ()),
    ],
)
def test_below_the_panic_threshold_all_are_used(states: list[State], panic: int, used: tuple[int, ...]) -> None:
    assert in_use(states, panic) == used


@pytest.mark.parametrize(
    ("status", "failure", "hurried", "verdict"),
    [
        (200, None, False, (SUCCESS, "")),
        (404, None, False, (SUCCESS, "")),
        (500, None, False, (SUCCESS, "")),
        (502, None, False, (FAILURE, "502")),
        (503, None, False, (FAILURE, "503")),
        (504, None, False, (FAILURE, "504")),
        (504, None, True, (NOTHING, "")),
        (503, None, True, (FAILURE, "503")),
        (0, reasons.ERROR_REASON_DOWNSTREAM_UNREACHABLE, False, (FAILURE, "cannot be reached")),
        (0, reasons.ERROR_REASON_DOWNSTREAM_TIMEOUT, False, (FAILURE, "no answer in time")),
        (0, reasons.ERROR_REASON_DOWNSTREAM_TIMEOUT, True, (NOTHING, "")),
        (200, reasons.ERROR_REASON_DOWNSTREAM_RESET, False, (FAILURE, "closed before its answer was complete")),
        (0, reasons.ERROR_REASON_DOWNSTREAM_INVALID, False, (FAILURE, "no valid answer")),
        (0, reasons.ERROR_REASON_REQUEST_TIMEOUT, False, (NOTHING, "")),
        (0, reasons.ERROR_REASON_BODY_TOO_LARGE, False, (NOTHING, "")),
        (0, None, False, (NOTHING, "")),
    ],
)
def test_only_what_the_target_did_counts_against_it(
    status: int, failure: int | None, hurried: bool, verdict: tuple[Verdict, str]
) -> None:
    assert verdict_of(status, failure, hurried=hurried) == verdict
