"""The reference model of the limit algorithms, held to what the algorithms promise."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.limits import SUB_WINDOWS, Algorithm, Bucket, Limit, State, SubWindows, WindowLog, decide, empty, refund

SECOND = 1_000_000
WINDOW = Limit(b"w", 3, SECOND)
BUCKET = Limit(b"b", 3, SECOND, Algorithm.TOKEN_BUCKET)

algorithms = st.sampled_from(Algorithm)
# Small windows and steps, so that units leave the window in mid-history.
limits = st.builds(Limit, st.just(b"k"), st.integers(1, 6), st.integers(1, 50), algorithms)
steps = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), max_size=60)


class Caller:
    """One caller of one counter: keeps the state, and what was admitted when."""

    def __init__(self, limit: Limit, now: int = 1_000_000, state: State | None = None) -> None:
        self.limit, self.now = limit, now
        self.state: State = empty(limit.algorithm) if state is None else state
        self.admitted: list[int] = []

    def ask(self, cost: int = 1) -> tuple[bool, int, int, int]:
        decision, (self.state,) = decide((self.state,), (self.limit,), cost, self.now)
        if decision.allowed:
            self.admitted += [self.now] * cost
        return decision.allowed, decision.remaining, decision.reset_micros, decision.retry_after_micros

    def would_admit(self, cost: int, later: int) -> bool:
        return decide((self.state,), (self.limit,), cost, self.now + later)[0].allowed


# Callers of every kind of counter; windows by sub-windows are longer, so that these hold several microseconds.
callers = limits.map(Caller) | st.builds(
    Caller, st.builds(Limit, st.just(b"k"), st.integers(1, 6), st.integers(1, 900)), state=st.just(SubWindows())
)


def worst_window(admitted: list[int], window: int) -> int:
    """The most units in any half-open window (t - window, t]."""
    return max((sum(t - window < each <= t for each in admitted) for t in admitted), default=0)


class TestSlidingWindow:
    def test_admits_up_to_the_limit_and_says_when_the_oldest_unit_leaves(self) -> None:
        caller = Caller(WINDOW)
        assert caller.ask() == (True, 2, SECOND, 0)
        caller.now += 100
        assert caller.ask(2) == (True, 0, SECOND - 100, 0)
        caller.now += 100
        assert caller.ask() == (False, 0, SECOND - 200, SECOND - 200)

    def test_a_unit_leaves_the_window_exactly_one_window_after_it_was_admitted(self) -> None:
        caller = Caller(WINDOW)
        caller.ask(3)
        caller.now += SECOND - 1
        assert not caller.ask()[0]
        caller.now += 1
        assert caller.ask()[0]

    def test_a_larger_cost_waits_for_as_many_units(self) -> None:
        caller = Caller(WINDOW)
        for _ in range(3):
            caller.ask()
            caller.now += 10
        assert caller.ask(2) == (False, 0, SECOND - 30, SECOND - 20)

    def test_a_smaller_limit_counts_what_a_larger_one_admitted(self) -> None:
        caller = Caller(Limit(b"k", 5, SECOND))
        for _ in range(5):
            caller.ask()
            caller.now += 10
        caller.limit = Limit(b"k", 2, SECOND)
        assert caller.ask() == (False, 0, SECOND - 20, SECOND - 20)

    @given(st.integers(1, 6), st.integers(1, 50), steps)
    def test_never_more_than_the_limit_in_any_window(
        self, units: int, window: int, history: list[tuple[int, int]]
    ) -> None:
        caller = Caller(Limit(b"k", units, window))
        for step, cost in history:
            caller.now += step
            caller.ask(min(cost, units))
        assert worst_window(caller.admitted, window) <= units

    @given(st.integers(1, 6), st.integers(1, 50), steps)
    def test_refuses_only_what_would_exceed_the_limit(
        self, units: int, window: int, history: list[tuple[int, int]]
    ) -> None:
        caller = Caller(Limit(b"k", units, window))
        for step, wanted in history:
            caller.now += step
            cost = min(wanted, units)
            live = sum(each > caller.now - window for each in caller.admitted)
            allowed, remaining, _, _ = caller.ask(cost)
            assert allowed == (live + cost <= units)
            assert remaining == units - live - (cost if allowed else 0)

    def test_a_long_log_forgets_what_has_left_the_window(self) -> None:
        caller = Caller(Limit(b"k", 4, 100))
        for _ in range(10_000):
            caller.now += 25
            assert caller.ask()[0]
        assert isinstance(caller.state, WindowLog)
        assert len(caller.state.times) < 3_000

    def test_an_earlier_state_is_not_changed_by_later_decisions(self) -> None:
        caller = Caller(WINDOW)
        caller.ask()
        earlier = caller.state
        caller.ask(2)
        for _ in range(2):  # the second time the shared log has grown past this state
            again, (state,) = decide((earlier,), (WINDOW,), 1, caller.now)
            assert (again.allowed, again.remaining) == (True, 1)
            assert decide((state,), (WINDOW,), 1, caller.now)[0].remaining == 0


class TestSubWindows:
    def test_a_run_leaves_as_a_whole_with_its_last_unit(self) -> None:
        caller = Caller(Limit(b"k", 2, SECOND), state=SubWindows())
        caller.ask()
        caller.now += SECOND // SUB_WINDOWS
        caller.ask()
        caller.now += SECOND - SECOND // SUB_WINDOWS
        decision, _ = decide((caller.state,), (caller.limit,), 2, caller.now)
        assert (decision.allowed, decision.retry_after_micros, decision.error) == (False, SECOND // SUB_WINDOWS, 2)

    def test_what_is_admitted_at_one_time_is_exact(self) -> None:
        caller = Caller(Limit(b"k", 5, SECOND), state=SubWindows())
        caller.ask(5)
        caller.now += SECOND - 1
        decision, _ = decide((caller.state,), (caller.limit,), 1, caller.now)
        assert (decision.allowed, decision.retry_after_micros, decision.error) == (False, 1, 0)

    def test_there_are_but_so_many_runs(self) -> None:
        caller = Caller(Limit(b"k", 1_000_000, SECOND), state=SubWindows())
        for _ in range(5_000):
            caller.now += 997
            caller.ask()
            assert isinstance(caller.state, SubWindows)
            assert len(caller.state.runs) <= SUB_WINDOWS + 1

    @given(
        st.integers(1, 6), st.integers(1, 900), st.lists(st.tuples(st.integers(0, 30), st.integers(-2, 3)), max_size=90)
    )
    def test_the_error_bounds_what_is_counted_too_much_and_nothing_is_counted_too_little(
        self, units: int, window: int, history: list[tuple[int, int]]
    ) -> None:
        limit, now = Limit(b"k", units, window), 1_000_000
        by_runs: tuple[State, ...] = (SubWindows(),)
        log: tuple[State, ...] = (WindowLog(),)  # of what the sub-windows admit, by the exact model
        for step, cost in history:
            now += step
            if cost < 0:
                _, by_runs = refund(by_runs, (limit,), -cost, now)
                _, log = refund(log, (limit,), -cost, now)
            else:
                admitted, by_runs = decide(by_runs, (limit,), min(cost, units), now)
                if admitted.allowed:
                    exact, log = decide(log, (limit,), min(cost, units), now)
                    assert exact.allowed
            told, exact = (decide(states, (limit,), 0, now)[0] for states in (by_runs, log))
            assert told.remaining <= exact.remaining <= told.remaining + told.error

    @given(st.integers(1, 6), st.integers(1, 900), steps)
    def test_never_more_than_the_limit_in_any_window(
        self, units: int, window: int, history: list[tuple[int, int]]
    ) -> None:
        caller = Caller(Limit(b"k", units, window), state=SubWindows())
        for step, cost in history:
            caller.now += step
            caller.ask(min(cost, units))
        assert worst_window(caller.admitted, window) <= units


class TestTokenBucket:
    def test_admits_a_burst_and_then_refills_evenly(self) -> None:
        caller = Caller(BUCKET)
        assert caller.ask(3) == (True, 0, 333_334, 0)
        assert caller.ask() == (False, 0, 333_334, 333_334)
        caller.now += 333_334
        assert caller.ask()[0]

    def test_a_changed_window_keeps_what_is_owed_in_whole_units(self) -> None:
        caller = Caller(BUCKET)
        caller.ask(2)
        caller.now += 1  # 1.999997 units are owed
        caller.limit = Limit(b"b", 3, 10 * SECOND, Algorithm.TOKEN_BUCKET)
        assert caller.ask(0)[1] == 1

    @given(st.integers(1, 6), st.integers(1, 50), steps)
    def test_is_a_bucket_of_tokens(self, units: int, window: int, history: list[tuple[int, int]]) -> None:
        caller = Caller(Limit(b"k", units, window, Algorithm.TOKEN_BUCKET))
        tokens = Fraction(units)
        for step, wanted in history:
            caller.now += step
            cost = min(wanted, units)
            tokens = min(Fraction(units), tokens + Fraction(step * units, window))
            allowed, remaining, _, _ = caller.ask(cost)
            assert allowed == (tokens >= cost)
            tokens -= cost if allowed else 0
            assert remaining == tokens.numerator // tokens.denominator


class TestBoth:
    @given(callers, steps, st.integers(1, 6))
    def test_retry_after_is_exact_to_the_microsecond(
        self, caller: Caller, history: list[tuple[int, int]], wanted: int
    ) -> None:
        limit = caller.limit
        for step, cost in history:
            caller.now += step
            caller.ask(min(cost, limit.limit))
        wanted = min(wanted, limit.limit)
        allowed, _, _, retry_after = caller.ask(wanted)
        assert allowed == (retry_after == 0)
        if not allowed:
            assert caller.would_admit(wanted, retry_after)
            assert not caller.would_admit(wanted, retry_after - 1)

    @given(callers, steps)
    def test_reset_is_when_more_units_fit(self, caller: Caller, history: list[tuple[int, int]]) -> None:
        limit = caller.limit
        for step, cost in history:
            caller.now += step
            caller.ask(min(cost, limit.limit))
        _, remaining, reset, _ = caller.ask(0)
        assert (reset == 0) == (remaining == limit.limit)
        if reset:
            assert caller.would_admit(remaining + 1, reset)
            assert not caller.would_admit(remaining + 1, reset - 1)

    @pytest.mark.parametrize("limit", [WINDOW, BUCKET], ids=["window", "bucket"])
    def test_asking_does_not_count(self, limit: Limit) -> None:
        caller = Caller(limit)
        caller.ask(1)
        assert [caller.ask(0)[:2] for _ in range(5)] == [(True, 2)] * 5

    @pytest.mark.parametrize("limit", [WINDOW, BUCKET], ids=["window", "bucket"])
    def test_a_cost_above_the_limit_is_a_fault_of_the_caller(self, limit: Limit) -> None:
        with pytest.raises(ValueError, match="never fits"):
            Caller(limit).ask(4)

    @pytest.mark.parametrize("limit", [WINDOW, BUCKET], ids=["window", "bucket"])
    def test_a_clock_that_steps_back_admits_nothing_and_holds_nobody_longer_than_a_window(self, limit: Limit) -> None:
        caller = Caller(limit, now=10_000 * SECOND)
        caller.ask(3)
        caller.now -= 5_000 * SECOND
        allowed, _, _, retry_after = caller.ask()
        assert not allowed
        assert retry_after <= SECOND
        caller.now += retry_after
        assert caller.ask()[0]

    @given(callers, st.lists(st.tuples(st.integers(0, 30), st.integers(-100, 100), st.integers(0, 2)), max_size=60))
    def test_steps_of_the_clock_never_admit_more_than_the_time_that_has_passed(
        self, caller: Caller, history: list[tuple[int, int, int]]
    ) -> None:
        limit = caller.limit
        steady = Caller(limit)
        for step, jump, cost in history:
            steady.now += step
            # A jump ahead looks like time that has passed and cannot be told from it: only jumps back are tried.
            caller.now += step + min(jump, 0)
            caller.ask(min(cost, limit.limit))
            if caller.admitted and caller.admitted[-1] == caller.now:
                steady.admitted += [steady.now] * (len(caller.admitted) - len(steady.admitted))
        bound = limit.limit if limit.algorithm is Algorithm.SLIDING_WINDOW else 2 * limit.limit
        assert worst_window(steady.admitted, limit.window_micros) <= bound


class TestSeveral:
    def test_a_request_is_counted_in_every_counter_or_in_none(self) -> None:
        wide, narrow = Limit(b"wide", 5, SECOND), Limit(b"narrow", 1, 2 * SECOND)
        states: tuple[State, ...] = (WindowLog(), WindowLog())
        first, states = decide(states, (wide, narrow), 1, 100)
        second, states = decide(states, (wide, narrow), 1, 200)
        assert (first.allowed, first.binding, first.remaining) == (True, 1, 0)
        assert (second.allowed, second.binding, second.retry_after_micros) == (False, 1, 2 * SECOND - 100)
        assert decide(states[:1], (wide,), 0, 200)[0].remaining == 4

    def test_the_refusing_limit_with_the_longest_wait_binds(self) -> None:
        short, long = Limit(b"s", 1, SECOND), Limit(b"l", 1, 3 * SECOND, Algorithm.TOKEN_BUCKET)
        _, states = decide((WindowLog(), Bucket()), (short, long), 1, 100)
        refused, _ = decide(states, (short, long), 1, 100)
        assert (refused.binding, refused.retry_after_micros) == (1, 3 * SECOND)

    def test_of_equal_limits_the_first_binds(self) -> None:
        pair = (Limit(b"a", 2, SECOND), Limit(b"b", 2, SECOND))
        assert decide((WindowLog(), WindowLog()), pair, 1, 100)[0].binding == 0


class TestShadow:
    def test_never_refuses_and_says_what_it_would_have(self) -> None:
        limits = (Limit(b"real", 3, SECOND), Limit(b"tried", 1, SECOND, shadow=True))
        states: tuple[State, ...] = (WindowLog(), WindowLog())
        told = []
        for _ in range(4):
            decision, states = decide(states, limits, 1, 100)
            told.append((decision.allowed, decision.binding, decision.remaining, decision.shadow_refused))
        assert told == [(True, 0, 2, ()), (True, 0, 1, (1,)), (True, 0, 0, (1,)), (False, 0, 0, (1,))]

    def test_alone_binds_and_admits(self) -> None:
        tried = (Limit(b"tried", 1, SECOND, shadow=True),)
        _, states = decide((WindowLog(),), tried, 1, 100)
        decision, _ = decide(states, tried, 1, 200)
        assert (decision.allowed, decision.remaining, decision.retry_after_micros) == (True, 0, 0)
        assert (decision.reset_micros, decision.shadow_refused) == (SECOND - 100, (0,))

    @pytest.mark.parametrize("limit", [WINDOW, BUCKET], ids=["window", "bucket"])
    def test_below_the_cost_is_no_fault(self, limit: Limit) -> None:
        decision, _ = decide((empty(limit.algorithm),), (replace(limit, shadow=True),), limit.limit + 1, 100)
        assert (decision.allowed, decision.shadow_refused) == (True, (0,))

    @given(limits, steps)
    def test_tells_exactly_what_the_limit_refuses_when_it_is_enforced(
        self, limit: Limit, history: list[tuple[int, int]]
    ) -> None:
        caller, now = Caller(limit), 1_000_000
        states: tuple[State, ...] = (empty(limit.algorithm),)
        for step, wanted in history:
            now += step
            cost = min(wanted, limit.limit)
            caller.now = now
            decision, states = decide(states, (replace(limit, shadow=True),), cost, now)
            assert (decision.shadow_refused == ()) == caller.ask(cost)[0]

    @given(limits, limits, steps)
    def test_changes_nothing_of_what_the_other_limit_decides(
        self, limit: Limit, tried: Limit, history: list[tuple[int, int]]
    ) -> None:
        caller, now = Caller(limit), 1_000_000
        states: tuple[State, ...] = (empty(tried.algorithm), empty(limit.algorithm))
        for step, wanted in history:
            now += step
            cost = min(wanted, limit.limit)
            caller.now = now
            decision, states = decide(states, (replace(tried, key=b"t", shadow=True), limit), cost, now)
            assert decision.binding == 1
            told = (decision.allowed, decision.remaining, decision.reset_micros, decision.retry_after_micros)
            assert told == caller.ask(cost)


class TestRefund:
    def test_gives_back_the_newest_units_of_a_window(self) -> None:
        states: tuple[State, ...] = (WindowLog(),)
        for now in (100, 200, 300):
            _, states = decide(states, (WINDOW,), 1, now)
        decision, states = refund(states, (WINDOW,), 2, 400)
        assert (decision.allowed, decision.remaining, decision.reset_micros) == (True, 2, SECOND - 300)

    def test_pays_the_debt_of_a_bucket_back(self) -> None:
        _, states = decide((Bucket(),), (BUCKET,), 3, 100)
        decision, _ = refund(states, (BUCKET,), 2, 100)
        assert decision.remaining == 2

    @given(callers, steps, st.integers(1, 9))
    def test_never_leaves_less_than_nothing(self, caller: Caller, history: list[tuple[int, int]], cost: int) -> None:
        limit = caller.limit
        for step, wanted in history:
            caller.now += step
            caller.ask(min(wanted, limit.limit))
        _, before, _, _ = caller.ask(0)
        decision, (caller.state,) = refund((caller.state,), (limit,), cost, caller.now)
        assert decision.remaining == min(limit.limit, before + cost)
        assert caller.ask(limit.limit)[0] == (decision.remaining == limit.limit)

    @given(limits, steps, st.integers(1, 6))
    def test_of_what_was_just_admitted_leaves_all_as_if_it_had_not_been(
        self, limit: Limit, history: list[tuple[int, int]], wanted: int
    ) -> None:
        caller = Caller(limit)
        for step, cost in history:
            caller.now += step
            caller.ask(min(cost, limit.limit))
        cost = min(wanted, limit.limit)
        before = decide((caller.state,), (limit,), 0, caller.now)[0]
        if caller.ask(cost)[0]:
            assert refund((caller.state,), (limit,), cost, caller.now)[0] == before

    def test_is_given_on_every_limit(self) -> None:
        limits = (WINDOW, BUCKET)
        _, states = decide((WindowLog(), Bucket()), limits, 3, 100)
        _, states = refund(states, limits, 1, 100)
        assert [
            decide((state,), (limit,), 0, 100)[0].remaining for state, limit in zip(states, limits, strict=True)
        ] == [
            1,
            1,
        ]
