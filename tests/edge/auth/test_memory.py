"""No race lets a revoked key in: what is used never contradicts an invalidation that this worker has applied.

The model plays the store, the network and the worker: look-ups read the store at one moment and arrive at a later
one; events are committed with their change and arrive in order after a while.
"""

from collections import deque
from math import inf

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge.auth.cache import Entry, PrincipalCache
from edge.auth.clocks import Moment
from edge.auth.fences import Event, Fences, Scope, Ticket
from edge.auth.lease import Lease, Use
from edge.auth.memory import Answer, Memory
from edge.auth.negatives import Negatives
from edge.principal import Principal, Rejection
from tests.edge.auth.principals import consumer

KEYS = ("Key00001", "Key00002", "Key00003")
REFUSED = Rejection(15)
NOW = Moment(1000.0, 5.0)
LEASE = 30.0
DIGEST = b"d" * 32


def _digest(key: str) -> bytes:
    return f"{key:32}".encode()


def make_memory(remembered_events: int = 100) -> Memory:
    """A memory whose lease runs for ever."""
    return Memory(PrincipalCache(3, 2), Negatives(), Fences(remembered_events), Lease(until=inf))


class Question:
    """A look-up under way: what it began with, and when the requests began that wait for it."""

    def __init__(self, ticket: Ticket, asked_at: float) -> None:
        self.ticket = ticket
        self.asked_at = asked_at
        self.begun = [asked_at]
        self.answer: Answer | None = None


class World:
    """A store of keys that are revoked and come back, and one worker's memory of them.

    A step takes a second. A revocation is in force once the worker has applied it or has no lease.
    """

    def __init__(self, remembered_events: int) -> None:
        self.now = 0.0
        self.memory = make_memory(remembered_events)
        self.lease_until = self.memory.lease.until = LEASE
        self.revision = 0
        self.revoked_at = dict.fromkeys(KEYS, 0)
        self.in_force_at = dict.fromkeys(KEYS, inf)
        self.good = dict.fromkeys(KEYS, True)
        self.coming: deque[Event] = deque()
        self.asked: dict[str, Question] = {}

    def take(self, step: str, key: str) -> None:
        """One step; then those who revoke look whether that is in force."""
        self.now += 1.0
        getattr(self, step)(key)
        for each in KEYS:
            applied = self.revoked_at[each] <= self.memory.fences.applied
            if not self.good[each] and (applied or self.now >= self.lease_until):
                self.in_force_at[each] = min(self.now, self.in_force_at[each])

    def revoke(self, key: str) -> None:
        self._change(key, good=False)
        self.revoked_at[key] = self.revision

    def restore(self, key: str) -> None:
        self._change(key, good=True)
        self.in_force_at[key] = inf

    def deliver(self, _key: str) -> None:
        """Lets the next event arrive."""
        if self.coming:
            assert self.memory.invalidate(self.coming.popleft())

    def reset(self, _key: str) -> None:
        """Lets the server have forgotten what the worker missed."""
        self.coming.clear()
        self.memory.reset(self.revision)

    def lapse(self, _key: str) -> None:
        """Lets the worker, and all that is on its way to it, stand still until its lease has run out."""
        self.now = max(self.now, self.lease_until)

    def renew(self, _key: str) -> None:
        """Acknowledges what is applied; whoever is behind gets no lease."""
        if self.memory.fences.applied == self.revision:
            self.lease_until = self.now + LEASE
            self.memory.lease.grant(self.now, LEASE, self.now)

    def ask(self, key: str) -> None:
        """Lets a request begin that looks the key up, or waits for the look-up under way."""
        if key in self.asked:
            self.asked[key].begun.append(self.now)
        else:
            self.asked[key] = Question(self.memory.fences.ticket(), self.now)

    def look(self, key: str, told: int | None = None) -> None:
        """Reads the store at this moment for whoever has asked."""
        question = self.asked.get(key)
        if question is not None and question.answer is None:
            found = consumer(key) if self.good[key] else REFUSED
            seen = self.revision if told is None else told
            question.answer = Answer(found, seen, question.ticket, question.asked_at)

    def look_silently(self, key: str) -> None:
        """As `look`, without saying which revision was seen."""
        self.look(key, told=0)

    def arrive(self, key: str) -> None:
        """Uses an answer, as the requests that wait for it do."""
        question = self.asked.get(key)
        if question is None or question.answer is None:
            return
        del self.asked[key]
        for begun_at in question.begun:
            if self.memory.settle(_digest(key), question.answer, begun_at, Moment(1000.0, self.now)):
                self._used(key, question.answer.outcome, begun_at)

    def recall(self, key: str) -> None:
        recalled = self.memory.recall(_digest(key), Moment(1000.0, self.now))
        if recalled is not None:
            self._used(key, recalled[0], self.now)

    def _change(self, key: str, good: bool) -> None:
        self.good[key] = good
        self.revision += 1
        self.coming.append(Event(self.revision, Scope.API_KEY, key))

    def _used(self, key: str, outcome: Principal | Rejection, begun_at: float) -> None:
        """A principal may be used while the key is good, or before its end has arrived here and, by requests that began
        before, is in force."""
        if isinstance(outcome, Principal) and not self.good[key]:
            assert self.revoked_at[key] > self.memory.fences.applied, f"{key} used after its end arrived"
            assert begun_at < self.in_force_at[key], f"{key} used by a request that began after its end was in force"


STEPS = (
    *("revoke", "restore", "deliver", "reset", "lapse", "renew"),
    *("ask", "look", "look_silently", "arrive", "recall"),
)
# Each catches one mistake: no fence for fills, a stamp from the future, forgotten events, a stale stamp, an answer that
# was on its way while the worker stood still.
OVERTAKEN = [("ask", 0), ("look_silently", 0), ("revoke", 0), ("deliver", 0), ("arrive", 0)]
CACHED = [("ask", 0), ("look", 0), ("arrive", 0), ("revoke", 0), ("deliver", 0), ("recall", 0)]
FORGOTTEN = [
    *OVERTAKEN[:3],
    ("revoke", 1),
    ("revoke", 2),
    *[("deliver", 0)] * 3,
    ("arrive", 0),
]
LATE = [("ask", 0), ("look", 0), ("lapse", 0), ("revoke", 0), ("ask", 0), ("arrive", 0)]
TOUCHED = [*CACHED[:3], ("revoke", 1), ("deliver", 0), ("recall", 0), ("revoke", 0), ("deliver", 0), ("recall", 0)]


@settings(max_examples=300, deadline=None)
@given(
    steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 2)), max_size=40),
    remembered_events=st.integers(1, 4),
)
@example(steps=OVERTAKEN, remembered_events=4)
@example(steps=CACHED, remembered_events=4)
@example(steps=FORGOTTEN, remembered_events=1)
@example(steps=TOUCHED, remembered_events=4)
@example(steps=LATE, remembered_events=4)
def test_no_order_of_events_lets_an_ended_key_in(steps: list[tuple[str, int]], remembered_events: int) -> None:
    world = World(remembered_events)
    for step, key in steps:
        world.take(step, KEYS[key])


def test_a_look_up_overtaken_by_its_revocation_is_made_again() -> None:
    memory = make_memory()
    answer = Answer(consumer("Key00001"), 0, memory.fences.ticket(), 0.0)
    memory.invalidate(Event(1, Scope.API_KEY, "Key00001"))
    assert not memory.settle(DIGEST, answer, 0.0, NOW)
    assert memory.recall(DIGEST, NOW) is None


def test_a_look_up_overtaken_by_another_keys_revocation_is_kept() -> None:
    memory = make_memory()
    answer = Answer(consumer("Key00001"), 0, memory.fences.ticket(), 0.0)
    memory.invalidate(Event(1, Scope.API_KEY, "Key00002"))
    assert memory.settle(DIGEST, answer, 0.0, NOW)
    assert memory.recall(DIGEST, NOW) == (consumer("Key00001"), Use.SERVE)


def test_a_cached_principal_is_gone_with_its_invalidation() -> None:
    memory = make_memory()
    memory.settle(DIGEST, Answer(consumer("Key00001"), 0, memory.fences.ticket(), 0.0), 0.0, NOW)
    memory.invalidate(Event(1, Scope.API_KEY, "Key00001"))
    assert memory.recall(DIGEST, NOW) is None
    assert len(memory.cache) == 0


def test_a_refusal_is_remembered_until_anything_changes() -> None:
    memory = make_memory()
    memory.settle(DIGEST, Answer(REFUSED, 0, memory.fences.ticket(), 0.0), 0.0, NOW)
    assert memory.recall(DIGEST, NOW) == (REFUSED, Use.SERVE)
    memory.invalidate(Event(1, Scope.API_KEY, "Key00001"))
    assert memory.recall(DIGEST, NOW) is None


def test_a_refusal_read_before_a_change_is_not_remembered() -> None:
    memory = make_memory()
    answer = Answer(REFUSED, 0, memory.fences.ticket(), 0.0)
    memory.invalidate(Event(1, Scope.API_KEY, "Key00001"))
    assert memory.settle(DIGEST, answer, 0.0, NOW)
    assert memory.recall(DIGEST, NOW) is None


def test_a_refusal_ends_what_was_cached() -> None:
    memory = make_memory()
    memory.cache.put(DIGEST, Entry(consumer(), 0, NOW.steady + 900))
    memory.settle(DIGEST, Answer(REFUSED, 0, memory.fences.ticket(), 0.0), 0.0, NOW)
    assert memory.recall(DIGEST, NOW) == (REFUSED, Use.SERVE)


@pytest.mark.parametrize(("now", "remembered"), [(1049.9, True), (1050.0, False)])
def test_nothing_is_remembered_past_its_expiry(now: float, remembered: bool) -> None:
    memory = make_memory()
    memory.settle(DIGEST, Answer(consumer(expires_at=1050.0), 0, memory.fences.ticket(), 0.0), 0.0, NOW)
    assert (memory.recall(DIGEST, Moment(now, NOW.steady)) is not None) is remembered


@pytest.mark.parametrize(
    ("begun_at", "lease_until", "used"),
    [(4.0, -inf, True), (4.1, -inf, False), (4.1, 5.0, False), (4.1, 5.1, True)],
    ids=["the asker's own", "one who came later", "as the lease runs out", "under a lease"],
)
def test_without_a_lease_an_answer_is_for_those_alone_who_began_before_it_was_asked_for(
    begun_at: float, lease_until: float, used: bool
) -> None:
    memory = make_memory()
    memory.lease.until = lease_until
    answer = Answer(consumer(), 0, memory.fences.ticket(), asked_at=4.0)
    assert memory.settle(DIGEST, answer, begun_at, NOW) is used


def test_a_gap_in_the_events_is_not_passed_over() -> None:
    memory = make_memory()
    assert not memory.invalidate(Event(2, Scope.API_KEY, "Key00001"))
    assert memory.fences.applied == 0
