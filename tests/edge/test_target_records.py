"""What remains of what a worker learns of targets."""

from dataclasses import replace
from uuid import UUID

import pytest
from penstock.telemetry.v1.record_pb2 import HealthSnapshot

from domain.tenants import DEFAULT_TENANT
from edge.resilience import Breaker
from edge.routing import Target
from edge.tally import MAX_TARGETS, Tally
from edge.target_records import TargetRecords, health_snapshot, told
from edge.upstream.breaker import NEW, Condition, Event, Verdict, changed, judged
from edge.upstream.checks import Seen
from edge.upstream.fleet import Change, Member, TargetKey
from edge.upstream.pool import Lease

KEY = TargetKey(DEFAULT_TENANT, "sales", "a.test", 80, False)
OPEN = judged(NEW, Verdict.FAILURE, "503", Breaker(1), 0.0)
UNHEALTHY = changed(NEW, Event.CHECKS_FAILED, "no answer in time", None, 0.0)


def member(condition: Condition, host: str = "a.test") -> Member:
    target = Target(host, 80)
    return Member(KEY._replace(host=host), target, Lease(target, DEFAULT_TENANT, trusted=True), condition)


def kept() -> tuple[TargetRecords, Tally, list[HealthSnapshot]]:
    tally, notes = Tally(), list[HealthSnapshot]()
    return TargetRecords(tally, notes.append), tally, notes


def test_a_breaker_that_opens_is_noted_counted_and_logged(capsys: pytest.CaptureFixture[str]) -> None:
    records, tally, notes = kept()
    records.changed(Change(member(OPEN), NEW, checks=False))
    [note] = notes
    assert (note.service, note.target, note.healthy, note.reason) == ("sales", "a.test:80", False, "breaker open: 503")
    assert (UUID(bytes=note.tenant_id), UUID(bytes=note.id).version) == (UUID(DEFAULT_TENANT), 7)
    assert tally.events["gateway_target_states", "open"] == 1
    assert "breaker of target opened" in capsys.readouterr().out


def test_what_checks_have_found_is_noted_once_by_the_worker_that_asks() -> None:
    records, tally, notes = kept()
    records.changed(Change(member(UNHEALTHY), NEW, checks=True))
    assert notes == []
    records.seen(Seen(KEY, 1_800_000_000.25, False, "no answer in time", 1.5))
    [note] = notes
    assert (note.time.ToMicroseconds(), note.healthy, note.duration_micros) == (1_800_000_000_250_000, False, 1_500_000)
    assert tally.events["gateway_health_checks", "unhealthy"] == 1


def test_repeats_are_counted() -> None:
    records, tally, _ = kept()
    for allowed in (True, True, False):
        records.repeated(allowed)
    assert tally.events["gateway_upstream_repeats", "sent"] == 2
    assert tally.events["gateway_upstream_repeats", "over_budget"] == 1


def test_what_is_not_in_use_is_shown_with_its_reason_and_so_many_at_most() -> None:
    records, tally, _ = kept()
    records.count([member(OPEN)])
    assert tally.targets == {(DEFAULT_TENANT, "sales", "a.test:80", "open", "503"): 1}
    records.count(member(OPEN, f"h{number}") for number in range(MAX_TARGETS + 10))
    assert len(tally.targets) == MAX_TARGETS
    records.count([])
    assert tally.targets == {}


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (NEW, "in use"),
        (OPEN, "breaker open: 503"),
        (replace(OPEN, reason=""), "breaker open"),
        (UNHEALTHY, "unhealthy: no answer in time"),
    ],
)
def test_a_state_is_told_in_words(condition: Condition, words: str) -> None:
    assert told(member(condition)) == words


def test_a_reason_is_never_longer_than_its_column() -> None:
    assert len(health_snapshot(KEY, 1.0, False, "x" * 1000, 0.0).reason) == 256
