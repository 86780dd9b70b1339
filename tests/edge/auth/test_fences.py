"""What an invalidation hits, and what it spares."""

import pytest

from edge.auth.fences import Event, Fences, Scope
from tests.edge.auth.principals import consumer

PRINCIPAL = consumer("Key00001", consumer_id="consumer-1", tenant="tenant-1", session_id="session-1")


@pytest.mark.parametrize(
    ("scope", "subject", "hit"),
    [
        (Scope.API_KEY, "Key00001", True),
        (Scope.API_KEY, "Key00002", False),
        (Scope.SESSION, "session-1", True),
        (Scope.SESSION, "", False),
        (Scope.PRINCIPAL, "consumer-1", True),
        (Scope.PRINCIPAL, "Key00001", False),
        (Scope.TENANT, "tenant-1", True),
        (Scope.TENANT, "tenant-2", False),
        (Scope.SIGNING_KEY, "Key00001", True),
    ],
)
def test_an_event_hits_what_it_names(scope: Scope, subject: str, hit: bool) -> None:
    fences = Fences()
    assert fences.apply(Event(1, scope, subject))
    assert fences.hits(PRINCIPAL, seen=0) is hit


def test_what_has_seen_an_event_is_not_hit_by_it() -> None:
    fences = Fences()
    fences.apply(Event(1, Scope.API_KEY, "Key00001"))
    fences.apply(Event(2, Scope.API_KEY, "another"))
    assert fences.hits(PRINCIPAL, seen=0)
    assert not fences.hits(PRINCIPAL, seen=1)


def test_forgotten_events_hit_whatever_has_not_seen_them() -> None:
    fences = Fences(remembered_events=2)
    for revision in (1, 2, 3):
        fences.apply(Event(revision, Scope.API_KEY, f"another{revision}"))
    assert fences.hits(PRINCIPAL, seen=0)
    assert not fences.hits(PRINCIPAL, seen=1)


def test_an_event_that_comes_again_changes_nothing() -> None:
    fences = Fences()
    fences.apply(Event(1, Scope.API_KEY, "Key00001"))
    assert fences.apply(Event(1, Scope.API_KEY, "Key00001"))
    assert fences.applied == 1


def test_an_event_after_a_gap_is_not_applied() -> None:
    fences = Fences()
    assert not fences.apply(Event(2, Scope.API_KEY, "Key00001"))
    assert fences.applied == 0


@pytest.mark.parametrize("revision", [3, 50])
def test_a_reset_ends_look_ups_under_way_in_either_direction(revision: int) -> None:
    fences = Fences()
    fences.reset(10)
    ticket = fences.ticket()
    fences.reset(revision)
    assert fences.seen(ticket, 60) is None
    assert fences.seen(fences.ticket(), 0) == revision


def test_an_answer_has_seen_what_it_says_and_what_was_in_force_when_it_was_asked() -> None:
    fences = Fences()
    fences.reset(10)
    assert fences.seen(fences.ticket(), 0) == 10
    assert fences.seen(fences.ticket(), 12) == 12
