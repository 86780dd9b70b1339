"""The script of concurrency limits in Redis, held equal to the model in `domain.concurrency`."""

import struct
from collections.abc import Sequence
from itertools import count
from typing import Final

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.concurrency import Acquisition, ConcurrencyLimit, Leases, acquire, release, renew
from ratelimitsvc.counters import REDIS_CLOCK, script
from tests.ratelimitsvc.conftest import SERVERS, TEST_CLOCK, counters, name_on

pytestmark = pytest.mark.parametrize("server_url", SERVERS, indirect=True)
SECOND = 1_000_000
START = 1_700_000_000 * SECOND
ACQUIRE, RENEW, RELEASE = 1, 2, 3
# Seconds of the test's clock, as Redis expires keys by its own; steps back, too.
steps = st.integers(-30 * SECOND, 25 * SECOND)
durations = st.integers(20 * SECOND, 80 * SECOND)
keys = st.lists(st.sampled_from([b"x", b"y"]), min_size=1, max_size=2, unique=True)
deeds = st.lists(
    st.tuples(
        steps,
        st.sampled_from([ACQUIRE, ACQUIRE, RENEW, RELEASE]),
        keys,
        st.integers(1, 4),
        durations,
        st.integers(1, 4),
    ),
    max_size=40,
)
fresh = count()


class Leasing:
    """Runs the script by an ordinary client."""

    def __init__(self, client: redis.Redis, clock: str) -> None:
        self.client = client
        self.script: Final = client.register_script(script(clock, "lease.lua"))

    def run(
        self, operation: int, lease_id: bytes, limits: Sequence[ConcurrencyLimit], duration: int = 0, now: int = 0
    ) -> Acquisition:
        slots = [limit.slots for limit in limits] if operation == ACQUIRE else []
        argument = bytes([operation]) + lease_id + struct.pack(f"<{1 + len(slots)}d", duration, *slots)
        answer = self.script([name_on(self.client, b"c" + limit.key) for limit in limits], (argument, now))
        assert isinstance(answer, bytes)
        done, binding, remaining, wait = struct.unpack("<BBId", answer)
        return Acquisition(done == 1, binding, remaining, int(wait))


def lease(number: int) -> bytes:
    return b"%016d" % number


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deeds)
def test_the_script_does_as_the_model_does(
    client: redis.Redis, history: list[tuple[int, int, list[bytes], int, int, int]]
) -> None:
    leasing, now, example = Leasing(client, TEST_CLOCK), START, next(fresh)
    states = {b"x": Leases(), b"y": Leases()}
    for index, (step, operation, names, slots, duration, back) in enumerate(history):
        now += step
        limits = [ConcurrencyLimit(b"%d:%s" % (example, name), slots) for name in names]
        before = tuple(states[name] for name in names)
        lease_id = lease(index if operation == ACQUIRE else index - back)
        told = leasing.run(operation, lease_id, limits, duration, now)
        if operation == ACQUIRE:
            expected, after = acquire(before, limits, lease_id, duration, now)
            assert told == expected
        else:
            held, after = (
                renew(before, lease_id, duration, now) if operation == RENEW else release(before, lease_id, now)
            )
            assert told.granted == held
        states.update(zip(names, after, strict=True))


def test_the_octets_of_one_lease_and_its_expiry_are_not_taken_for_another(client: redis.Redis) -> None:
    leasing, limit = Leasing(client, TEST_CLOCK), ConcurrencyLimit(b"k", 5)
    first = b"A" * 16
    alike = struct.pack("<d", START + 60 * SECOND) + first[:8]
    leasing.run(ACQUIRE, first, [limit], 60 * SECOND, START)
    assert not leasing.run(RELEASE, alike, [limit], now=START).granted
    leasing.run(ACQUIRE, alike, [limit], 90 * SECOND, START)
    assert leasing.run(RELEASE, alike, [limit], now=START).granted
    assert leasing.run(RELEASE, first, [limit], now=START).granted


def test_a_key_with_all_its_slots_taken_has_24_octets_for_each(client: redis.Redis) -> None:
    leasing, limit = Leasing(client, TEST_CLOCK), ConcurrencyLimit(b"k", 100)
    for number in range(150):
        leasing.run(ACQUIRE, lease(number), [limit], 60 * SECOND, START)
    assert client.strlen(name_on(client, b"ck").decode()) == 16 + 24 * 100


@pytest.mark.parametrize("renewed", [False, True], ids=["acquired", "renewed"])
def test_a_key_ends_with_its_last_lease(client: redis.Redis, renewed: bool) -> None:
    leasing, limit = Leasing(client, REDIS_CLOCK), ConcurrencyLimit(b"k", 5)
    leasing.run(ACQUIRE, lease(1), [limit], 30 * SECOND)
    leasing.run(ACQUIRE, lease(2), [limit], 60 * SECOND)
    if renewed:
        leasing.run(RENEW, lease(1), [limit], 90 * SECOND)
    longest = 90_000 if renewed else 60_000
    assert longest - 20_000 < client.pttl(name_on(client, b"ck").decode()) <= longest + 1


def test_a_key_whose_last_lease_was_released_is_gone(client: redis.Redis) -> None:
    leasing, limit = Leasing(client, REDIS_CLOCK), ConcurrencyLimit(b"k", 5)
    leasing.run(ACQUIRE, lease(1), [limit], 60 * SECOND)
    leasing.run(RELEASE, lease(1), [limit])
    assert counters(client) == []


def test_what_is_refused_or_not_held_writes_nothing(client: redis.Redis) -> None:
    leasing, limit = Leasing(client, REDIS_CLOCK), ConcurrencyLimit(b"k", 1)
    leasing.run(ACQUIRE, lease(1), [limit], 60 * SECOND)
    before = client.dump(name_on(client, b"ck").decode())
    leasing.run(ACQUIRE, lease(2), [limit], 60 * SECOND)
    leasing.run(RENEW, lease(2), [limit], 60 * SECOND)
    leasing.run(RELEASE, lease(2), [limit])
    assert client.dump(name_on(client, b"ck").decode()) == before


def test_on_redis_time_a_slot_comes_free_when_its_lease_expires(client: redis.Redis) -> None:
    leasing, limit = Leasing(client, REDIS_CLOCK), ConcurrencyLimit(b"k", 1)
    leasing.run(ACQUIRE, lease(1), [limit], 50_000)
    attempts = count(2)
    while not (told := leasing.run(ACQUIRE, lease(next(attempts)), [limit], 60 * SECOND)).granted:
        assert 0 < told.retry_after_micros <= 50_000
