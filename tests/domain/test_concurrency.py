"""The reference model of concurrency limits, held to what it promises."""

from hypothesis import given
from hypothesis import strategies as st

from domain.concurrency import Acquisition, ConcurrencyLimit, Leases, acquire, release, renew

SECOND = 1_000_000
TWO = ConcurrencyLimit(b"k", 2)

# What holders do, each after some microseconds: take a slot for a time, renew or give back one of the last leases.
deeds = st.lists(
    st.tuples(
        st.integers(0, 20), st.sampled_from(["acquire", "renew", "release"]), st.integers(0, 4), st.integers(1, 40)
    ),
    max_size=60,
)


class Key:
    """One key and its clock."""

    def __init__(self, limit: ConcurrencyLimit = TWO, now: int = 1_000_000) -> None:
        self.limit, self.now = limit, now
        self.state = Leases()

    def acquire(self, lease_id: bytes, duration: int = SECOND) -> Acquisition:
        acquisition, (self.state,) = acquire((self.state,), (self.limit,), lease_id, duration, self.now)
        return acquisition

    def renew(self, lease_id: bytes, duration: int = SECOND) -> bool:
        held, (self.state,) = renew((self.state,), lease_id, duration, self.now)
        return held

    def release(self, lease_id: bytes) -> bool:
        held, (self.state,) = release((self.state,), lease_id, self.now)
        return held


def test_slots_are_granted_up_to_the_limit_and_then_the_next_expiry_is_told() -> None:
    key = Key()
    assert key.acquire(b"a") == Acquisition(True, 0, 1, 0)
    key.now += 100
    assert key.acquire(b"b") == Acquisition(True, 0, 0, 0)
    key.now += 100
    assert key.acquire(b"c") == Acquisition(False, 0, 0, SECOND - 200)


def test_the_slot_of_a_dead_holder_comes_free_at_its_expiry_and_not_before() -> None:
    key = Key(ConcurrencyLimit(b"k", 1))
    key.acquire(b"dead")
    key.now += SECOND - 1
    assert not key.acquire(b"next").granted
    key.now += 1
    assert key.acquire(b"next").granted


def test_a_renewed_lease_goes_on_and_an_expired_one_cannot_be_renewed() -> None:
    key = Key(ConcurrencyLimit(b"k", 1))
    key.acquire(b"a")
    key.now += SECOND - 1
    assert key.renew(b"a")
    key.now += SECOND - 1
    assert key.acquire(b"b").retry_after_micros == 1
    key.now += 1
    assert not key.renew(b"a")


def test_a_released_slot_is_free_at_once_and_released_but_once() -> None:
    key = Key(ConcurrencyLimit(b"k", 1))
    key.acquire(b"a")
    assert key.release(b"a")
    assert not key.release(b"a")
    assert key.acquire(b"b").granted


def test_fewer_slots_take_nobodys_away_and_wait_for_as_many_to_expire() -> None:
    key = Key(ConcurrencyLimit(b"k", 3))
    for lease_id in (b"a", b"b", b"c"):
        key.acquire(lease_id)
        key.now += 10
    key.limit = ConcurrencyLimit(b"k", 2)
    assert key.acquire(b"d") == Acquisition(False, 0, 0, SECOND - 20)
    assert all(key.renew(lease_id) for lease_id in (b"a", b"b", b"c"))


def test_several_limits_are_acquired_all_or_nothing_and_the_longest_wait_binds() -> None:
    limits = (ConcurrencyLimit(b"wide", 5), ConcurrencyLimit(b"narrow", 1))
    states: tuple[Leases, ...] = (Leases(), Leases())
    first, states = acquire(states, limits, b"a", SECOND, 100)
    second, states = acquire(states, limits, b"b", SECOND, 200)
    assert first == Acquisition(True, 1, 0, 0)
    assert second == Acquisition(False, 1, 0, SECOND - 100)
    assert len(states[0].leases) == 1


def test_a_lease_that_is_not_held_on_every_key_is_renewed_on_none() -> None:
    (held,) = acquire((Leases(),), (TWO,), b"a", SECOND, 100)[1]
    again, states = renew((held, Leases()), b"a", SECOND, 200)
    assert (again, states) == (False, (held, Leases()))


def test_a_lease_is_released_wherever_it_is_held() -> None:
    (held,) = acquire((Leases(),), (TWO,), b"a", SECOND, 100)[1]
    everywhere, states = release((Leases(), held), b"a", 200)
    assert not everywhere
    assert all(not state.held(200) for state in states)


def test_a_clock_that_steps_back_frees_nothing_early_and_holds_nothing_longer_than_the_lease() -> None:
    key = Key(ConcurrencyLimit(b"k", 1), now=10_000 * SECOND)
    key.acquire(b"a")
    key.now -= 5_000 * SECOND
    refused = key.acquire(b"b")
    assert refused.retry_after_micros == SECOND
    key.now += SECOND // 2
    assert key.acquire(b"b").retry_after_micros == SECOND // 2
    key.now += SECOND // 2
    assert key.acquire(b"b").granted


@given(st.integers(1, 3), deeds)
def test_never_more_holders_than_slots_and_no_refusal_while_one_is_free(
    slots: int, history: list[tuple[int, str, int, int]]
) -> None:
    key, expiries = Key(ConcurrencyLimit(b"k", slots)), dict[bytes, int]()
    for index, (step, deed, back, duration) in enumerate(history):
        key.now += step
        holders = {lease_id for lease_id, expiry in expiries.items() if expiry > key.now}
        lease_id = b"%d" % max(0, index - back)
        if deed == "acquire":
            lease_id = b"%d" % index
            granted = key.acquire(lease_id, duration).granted
            assert granted == (len(holders) < slots)
        elif deed == "renew":
            granted = key.renew(lease_id, duration)
            assert granted == (lease_id in holders)
        else:
            assert key.release(lease_id) == (lease_id in holders)
            granted = False
            expiries.pop(lease_id, None)
        if granted:
            expiries[lease_id] = key.now + duration


@given(st.integers(1, 3), deeds)
def test_who_waits_as_told_gets_a_slot_and_a_microsecond_sooner_none(
    slots: int, history: list[tuple[int, str, int, int]]
) -> None:
    key = Key(ConcurrencyLimit(b"k", slots))
    for index, (step, _, _, duration) in enumerate(history):
        key.now += step
        wait = key.acquire(b"%d" % index, duration).retry_after_micros
        if wait:
            assert not acquire((key.state,), (key.limit,), b"new", 1, key.now + wait - 1)[0].granted
            assert acquire((key.state,), (key.limit,), b"new", 1, key.now + wait)[0].granted
