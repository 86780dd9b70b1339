"""The script in Redis, held equal to the model in `domain.limits`."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import cast

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.limits import SUB_WINDOWS, Algorithm, Decision, Limit, State, decide, refund
from ratelimitsvc.counters import REDIS_CLOCK
from tests.ratelimitsvc.conftest import SERVERS, TEST_CLOCK, Check, Deciding, counters, name_on

pytestmark = pytest.mark.parametrize("server_url", SERVERS, indirect=True)
SECOND = 1_000_000
START = 1_700_000_000 * SECOND
# Two keys, so that histories meet; windows of seconds of the test's clock, as Redis expires keys by its own.
limits = st.builds(
    Limit,
    st.sampled_from([b"x", b"y"]),
    st.integers(1, 12),
    st.sampled_from([20 * SECOND, 60 * SECOND, 61 * SECOND + 7]),
    st.sampled_from(Algorithm),
    st.booleans(),
)
checks = st.tuples(
    st.lists(limits, min_size=1, max_size=3, unique_by=lambda limit: (limit.key, limit.algorithm)), st.integers(-3, 5)
)
batches = st.lists(
    st.tuples(
        st.integers(-30 * SECOND, 25 * SECOND) | st.integers(0, SECOND), st.lists(checks, min_size=1, max_size=6)
    ),
    max_size=25,
)
unlike_production = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


class Model:
    """The model of several counters by key."""

    def __init__(self, deciding: Deciding) -> None:
        self.deciding = deciding
        self.states: dict[bytes, State] = {}

    def decide(self, check: Check, now: int) -> Decision:
        limits, cost = check
        names = [self.deciding.key(limit) for limit in limits]
        states = [self.states.get(name, self.deciding.empty(limit)) for name, limit in zip(names, limits, strict=True)]
        decision, changed = refund(states, limits, -cost, now) if cost < 0 else decide(states, limits, cost, now)
        self.states.update(zip(names, changed, strict=True))
        return decision


fresh = count()


def named(batch: Sequence[Check], example: int) -> list[Check]:
    """The batch on counters of this example's own, in one slot, with costs that its limits can hold."""
    return [
        (
            [replace(limit, key=b"%d:%s" % (example, limit.key)) for limit in limits],
            min([cost, *(limit.limit for limit in limits if not limit.shadow)]),
        )
        for limits, cost in batch
    ]


@unlike_production
@given(batches)
def test_the_script_decides_as_the_model_does(on_test_clock: Deciding, history: list[tuple[int, list[Check]]]) -> None:
    deciding = replace(on_test_clock, exact_up_to=6)
    model, now, example = Model(deciding), START, next(fresh)
    for step, unnamed in history:
        now += step
        batch = named(unnamed, example)
        assert deciding.decide(batch, now) == (now, [model.decide(check, now) for check in batch])


@unlike_production
@given(st.integers(9, 400), st.lists(st.tuples(st.integers(0, 9), st.integers(-20, 60)), min_size=20, max_size=60))
def test_a_window_that_grows_wraps_and_empties_stays_equal_to_the_model(
    on_test_clock: Deciding, units: int, history: list[tuple[int, int]]
) -> None:
    model, now = Model(on_test_clock), START
    limit = Limit(b"%d" % next(fresh), units, 20 * SECOND)
    for step, cost in history:
        now += step * SECOND
        batch: list[Check] = [([limit], min(cost, units)), ([limit], 1), ([limit], 0)]
        assert on_test_clock.decide(batch, now) == (now, [model.decide(check, now) for check in batch])


@pytest.mark.parametrize("offset", [-1, 0], ids=["within", "after"])
def test_a_sub_window_is_as_long_as_the_models(client: redis.Redis, offset: int) -> None:
    deciding = Deciding(client, TEST_CLOCK, "ring", exact_up_to=0)
    model, limit = Model(deciding), Limit(b"%d" % next(fresh), 5, 60 * SECOND)
    for now in (START, START + limit.window_micros // SUB_WINDOWS + offset):
        assert deciding.decide([([limit], 1)], now) == (now, [model.decide(([limit], 1), now)])


# Half a sub-window of 20 s to some of them, and now and then more than a window.
@unlike_production
@given(
    st.integers(9, 400),
    st.lists(
        st.tuples(st.integers(0, 700_000) | st.integers(0, 25 * SECOND), st.integers(-20, 60)), min_size=20, max_size=80
    ),
)
def test_sub_windows_that_fill_and_empty_stay_equal_to_the_model(
    client: redis.Redis, units: int, history: list[tuple[int, int]]
) -> None:
    deciding = Deciding(client, TEST_CLOCK, "ring", exact_up_to=0)
    model, now = Model(deciding), START
    limit = Limit(b"%d" % next(fresh), units, 20 * SECOND)
    for step, cost in history:
        now += step
        batch: list[Check] = [([limit], min(cost, units)), ([limit], 1), ([limit], 0)]
        assert deciding.decide(batch, now) == (now, [model.decide(check, now) for check in batch])


def test_on_redis_time_the_answers_are_the_models_at_the_time_told(on_redis_clock: Deciding) -> None:
    deciding = replace(on_redis_clock, exact_up_to=40)
    model = Model(deciding)
    limits = [Limit(b"t:k", 40, 2_000), Limit(b"t:m", 50, 3_000), Limit(b"t:all", 100, 5_000, Algorithm.TOKEN_BUCKET)]
    batch: list[Check] = [(limits, 1)] * 7
    for _ in range(300):
        now, decisions = deciding.decide(batch)
        assert decisions == [model.decide(check, now) for check in batch]


def test_a_larger_limit_keeps_what_was_counted_under_the_smaller_one(on_test_clock: Deciding) -> None:
    small, large = Limit(b"k", 8, 60 * SECOND), Limit(b"k", 20, 60 * SECOND)
    on_test_clock.decide([([small], 8)], START)
    _, (decision,) = on_test_clock.decide([([large], 1)], START + 1)
    assert (decision.allowed, decision.remaining) == (True, 11)


def test_a_ring_of_500_a_minute_takes_no_more_than_5300_bytes(client: redis.Redis) -> None:
    deciding, limit = Deciding(client, TEST_CLOCK, "ring"), Limit(b"k", 500, 60 * SECOND)
    for second in range(1_500):
        deciding.decide([([limit], 1)], START + second * SECOND // 10)
    assert cast(int, client.memory_usage(name_on(client, b"wk"))) <= 5_300


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_counter_that_was_refunded_to_nothing_is_gone(
    client: redis.Redis, on_redis_clock: Deciding, algorithm: Algorithm
) -> None:
    limit = Limit(b"k", 9, 60 * SECOND, algorithm)
    on_redis_clock.decide([([limit], 2)])
    on_redis_clock.decide([([limit], -3), ([limit], -1)])
    assert counters(client) == []


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_refund_on_a_counter_that_is_not_there_makes_none(
    client: redis.Redis, on_redis_clock: Deciding, algorithm: Algorithm
) -> None:
    on_redis_clock.decide([([Limit(b"k", 9, 60 * SECOND, algorithm)], -3)])
    assert counters(client) == []


@pytest.mark.parametrize("algorithm", Algorithm)
def test_what_is_left_after_a_refund_still_has_its_end(
    client: redis.Redis, on_redis_clock: Deciding, algorithm: Algorithm
) -> None:
    limit = Limit(b"k", 9, 60 * SECOND, algorithm)
    on_redis_clock.decide([([limit], 9)])
    on_redis_clock.decide([([limit], -3)])
    (key,) = counters(client)
    assert 0 < client.pttl(key.decode()) <= 75_002


@pytest.mark.parametrize("algorithm", Algorithm)
def test_what_a_shadow_limit_would_have_refused_is_not_counted_in_it(
    client: redis.Redis, on_redis_clock: Deciding, algorithm: Algorithm
) -> None:
    shadow, enforced = Limit(b"k:s", 1, 60 * SECOND, algorithm, shadow=True), Limit(b"k:e", 9, 60 * SECOND)
    on_redis_clock.decide([([shadow, enforced], 1)])
    (key,) = (key for key in counters(client) if key.endswith(b"s"))
    before = client.dump(key)
    _, (decision,) = on_redis_clock.decide([([shadow, enforced], 1)])
    assert (decision.allowed, decision.shadow_refused) == (True, (0,))
    assert client.dump(key) == before


@pytest.mark.parametrize("algorithm", Algorithm)
def test_every_counter_has_an_end(client: redis.Redis, on_redis_clock: Deciding, algorithm: Algorithm) -> None:
    now, _ = on_redis_clock.decide([([Limit(b"k", 5, 60 * SECOND, algorithm)], 5)])
    (key,) = counters(client)
    assert 60_000 <= client.pexpiretime(key.decode()) - now // 1_000 <= 75_002


def test_a_counter_outlives_its_newest_unit_by_a_window(client: redis.Redis, on_redis_clock: Deciding) -> None:
    limit = Limit(b"k", 1_000, 60 * SECOND)
    on_redis_clock.decide([([limit], 1)])
    (key,) = counters(client)
    client.pexpire(key, 30_000)
    if on_redis_clock.store == "ring":
        client.setrange(key, 20, b"\0" * 8)  # as after half a minute: kept until a time that is near
    now, _ = on_redis_clock.decide([([limit], 1)])
    assert client.pexpiretime(key.decode()) >= now // 1_000 + 60_000


def test_sub_windows_have_20_octets_each_whatever_the_limit(client: redis.Redis) -> None:
    deciding = Deciding(client, TEST_CLOCK, "ring", exact_up_to=0)
    limit = Limit(b"k", 1_000_000, 60 * SECOND)
    for second in range(1_500):
        deciding.decide([([limit], 300)], START + second * SECOND // 20)
    assert client.strlen(name_on(client, b"ak").decode()) <= 16 + 20 * (SUB_WINDOWS + 1)


def test_sub_windows_have_an_end_and_are_gone_when_refunded(client: redis.Redis) -> None:
    deciding = Deciding(client, REDIS_CLOCK, "ring", exact_up_to=0)
    limit = Limit(b"k", 9, 60 * SECOND)
    deciding.decide([([limit], 4)])
    deciding.decide([([limit], -3)])
    assert 0 < client.pttl(name_on(client, b"ak").decode()) <= 60_001
    deciding.decide([([limit], -1)])
    assert counters(client) == []


def test_a_large_cost_is_as_many_members_of_a_set(client: redis.Redis) -> None:
    deciding, limit = Deciding(client, REDIS_CLOCK, "zset"), Limit(b"k", 9_000, 60 * SECOND)
    deciding.decide([([limit], 4_321), ([limit], 4_000)])
    assert client.zcard(name_on(client, b"zk")) == 8_321


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_refused_or_asking_request_writes_nothing(
    client: redis.Redis, on_redis_clock: Deciding, algorithm: Algorithm
) -> None:
    limit = Limit(b"k", 1, 60 * SECOND, algorithm)
    on_redis_clock.decide([([limit], 0)])
    assert counters(client) == []
    on_redis_clock.decide([([limit], 1)])
    (key,) = counters(client)
    before = client.dump(key)
    on_redis_clock.decide([([limit], 1), ([limit], 0)])
    assert client.dump(key) == before
