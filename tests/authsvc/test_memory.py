"""What is remembered of keys, and which events end it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from penstock.auth.v1.principal_pb2 import PRINCIPAL_KIND_CONSUMER, Principal

from authsvc.invalidations.log import Event, Scope
from authsvc.memory import Memory
from domain.tenants import TenantId

TENANT = "0192c7a0-0000-7000-8000-00000000000a"


def digest(key_id: str) -> bytes:
    return sha256(key_id.encode()).digest()


def proof(key_id: str = "key", consumer: str = "robot", tenant: str = TENANT, expires: int | None = None) -> Principal:
    return Principal(
        kind=PRINCIPAL_KIND_CONSUMER,
        id=consumer,
        tenant_id=tenant,
        credential_id=key_id,
        scopes=["read"],
        expire_time=None if expires is None else Timestamp(seconds=expires),
    )


def event(revision: int, scope: Scope = Scope.API_KEY, subject: str = "other") -> Event:
    return Event(revision, scope, subject, TenantId(TENANT), datetime.now(UTC))


def remembering(*proofs: Principal, capacity: int = 10) -> Memory:
    """A memory at revision 5 of these proofs."""
    memory = Memory(capacity)
    memory.follow(5, [])
    for each in proofs:
        memory.keep(digest(each.credential_id), each, 5)
    return memory


def test_what_was_proven_is_recalled_as_it_was() -> None:
    memory = remembering(proof())
    assert memory.recall(digest("key"), 0.0) == proof()
    assert memory.recall(digest("another"), 0.0) is None


@pytest.mark.parametrize(
    ("scope", "subject", "ended"),
    [
        (Scope.API_KEY, "key", True),
        (Scope.API_KEY, "another", False),
        (Scope.PRINCIPAL, "robot", True),
        (Scope.PRINCIPAL, "another", False),
        (Scope.TENANT, TENANT, True),
        (Scope.TENANT, "0192c7a0-0000-7000-8000-00000000000b", False),
        (Scope.SESSION, "key", False),
        (Scope.SIGNING_KEY, "key", False),
    ],
)
def test_an_event_ends_what_it_names(scope: Scope, subject: str, ended: bool) -> None:
    memory = remembering(proof(), proof("second", "another robot", "another tenant"))
    memory.follow(6, [event(6, scope, subject)])
    assert memory.applied == 6
    assert (memory.recall(digest("key"), 0.0) is None) is ended
    assert memory.recall(digest("second"), 0.0) is not None


@pytest.mark.parametrize(("now", "there"), [(99.0, True), (100.0, False)])
def test_a_key_is_forgotten_when_it_expires(now: float, there: bool) -> None:
    memory = remembering(proof(expires=100))
    assert (memory.recall(digest("key"), now) is not None) is there
    assert len(memory) == int(there)


def test_a_proof_that_an_event_has_overtaken_is_not_kept() -> None:
    memory = remembering()
    memory.follow(6, [event(6, subject="key")])
    memory.keep(digest("key"), proof(), 5)
    assert digest("key") not in memory
    memory.keep(digest("key"), proof(), 6)
    assert digest("key") in memory


def test_a_proof_may_be_newer_than_the_memory() -> None:
    memory = remembering()
    memory.keep(digest("key"), proof(), 7)
    memory.follow(8, [event(6), event(7), event(8)])
    assert digest("key") in memory


@pytest.mark.parametrize(
    ("head", "page"),
    [(9, []), (9, [event(8), event(9)]), (3, [])],
    ids=["no longer kept", "partly kept", "a log of the past"],
)
def test_a_log_that_does_not_go_on_from_here_empties_the_memory(head: int, page: Sequence[Event]) -> None:
    memory = remembering(proof())
    memory.follow(head, page)
    assert (memory.applied, len(memory)) == (head, 0)


def test_the_one_that_was_not_used_for_longest_goes_first() -> None:
    memory = remembering(proof("first"), proof("second"), capacity=2)
    memory.recall(digest("first"), 0.0)
    memory.keep(digest("third"), proof("third"), 5)
    assert [digest(each) in memory for each in ("first", "second", "third")] == [True, False, True]


def test_no_capacity_is_no_memory() -> None:
    assert len(remembering(proof(), capacity=0)) == 0


KEYS = ("a", "b", "c")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.sampled_from(KEYS), st.integers(0, 3)),
        st.tuples(st.just("end"), st.sampled_from(KEYS), st.just(0)),
        st.tuples(st.just("follow"), st.just(""), st.just(0)),
    ),
    max_size=40,
)


@given(STEPS)
def test_nothing_is_recalled_that_the_log_has_ended_before(steps: list[tuple[str, str, int]]) -> None:
    """Against the log itself: reads of the store arrive late, the log is followed now and then."""
    memory, log, ended_at = Memory(2), [event(1)], dict.fromkeys(KEYS, 0)
    late: list[tuple[int, str, int]] = []  # steps until it arrives, key, revision that it has seen
    for kind, key, delay in steps:
        head = log[-1].revision
        if kind == "read" and not ended_at[key]:
            late.append((delay, key, head))
        elif kind == "end":
            log.append(event(head + 1, subject=key))
            ended_at[key] = head + 1
        late = [(left - 1, each, seen) for left, each, seen in late]
        for _, each, seen in [read for read in late if read[0] < 0]:
            memory.keep(digest(each), proof(each), seen)
        late = [read for read in late if read[0] >= 0]
        if kind == "follow":
            memory.follow(log[-1].revision, [each for each in log if each.revision > memory.applied])
            recalled = {each for each in KEYS if memory.recall(digest(each), 0.0) is not None}
            assert not recalled & {each for each in KEYS if ended_at[each]}
