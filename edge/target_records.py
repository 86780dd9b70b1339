"""What remains of what a worker learns of targets: a health snapshot, a log line, counts. Never waits."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final
from uuid import UUID

import structlog
from google.protobuf.timestamp_pb2 import Timestamp
from penstock.telemetry.v1.record_pb2 import HealthSnapshot

from edge.tally import MAX_TARGETS, Tally
from edge.upstream.breaker import State
from edge.upstream.checks import Seen
from edge.upstream.fleet import Change, Member, TargetKey
from svckit.ids import uuid7

MAX_REASON = 256
_EVENTS: Final[Mapping[State, str]] = {
    State.CLOSED: "target in use again",
    State.OPEN: "breaker of target opened",
    State.HALF_OPEN: "target on trial",
    State.UNHEALTHY: "target is unhealthy",
}
log = structlog.get_logger(__name__)


class TargetRecords:
    """Keeps them for one worker. `note` takes health snapshots to telemetry."""

    def __init__(self, tally: Tally, note: Callable[[HealthSnapshot], None]) -> None:
        self._tally = tally
        self._note = note

    def changed(self, change: Change) -> None:
        """A target has come to another state. What checks have found is noted by the worker that asks."""
        member, condition = change.member, change.member.condition
        self._tally.event("gateway_target_states", condition.state.value)
        log.log(
            30 if condition.state in (State.OPEN, State.UNHEALTHY) else 20,
            _EVENTS[condition.state],
            tenant_id=member.key.owner,
            service=member.key.service,
            target=member.target.name,
            before=change.before.state.value,
            reason=condition.reason,
        )
        if not change.checks:
            self._note(health_snapshot(member.key, time.time(), condition.state is State.CLOSED, told(member), 0.0))

    def repeated(self, allowed: bool) -> None:
        """A request was sent again, or was not because the budget is used up."""
        self._tally.event("gateway_upstream_repeats", "sent" if allowed else "over_budget")

    def seen(self, seen: Seen) -> None:
        """Takes one check of this worker."""
        self._tally.event("gateway_health_checks", "healthy" if seen.healthy else "unhealthy")
        self._note(health_snapshot(seen.key, seen.time, seen.healthy, seen.reason, seen.seconds))

    def count(self, out_of_use: Iterable[Member]) -> None:
        """Takes the targets that are not sent their share now."""
        self._tally.targets.clear()
        for member, _ in zip(out_of_use, range(MAX_TARGETS), strict=False):
            key = member.key
            named = (key.owner, key.service, member.target.name, member.condition.state.value, member.condition.reason)
            self._tally.targets[named] = 1


def told(member: Member) -> str:
    """A target's state and its reason, in words."""
    state = {
        State.CLOSED: "in use",
        State.OPEN: "breaker open",
        State.HALF_OPEN: "on trial",
        State.UNHEALTHY: "unhealthy",
    }[member.condition.state]
    return f"{state}: {member.condition.reason}" if member.condition.reason else state


def health_snapshot(key: TargetKey, at: float, healthy: bool, reason: str, seconds: float) -> HealthSnapshot:
    """The telemetry record of a target at `at`, in seconds since 1970."""
    moment = Timestamp()
    moment.FromMicroseconds(int(at * 1e6))
    return HealthSnapshot(
        id=uuid7().bytes,
        tenant_id=UUID(key.owner).bytes,
        time=moment,
        service=key.service,
        target=f"{key.host}:{key.port}",
        healthy=healthy,
        reason=reason[:MAX_REASON],
        duration_micros=min(int(seconds * 1e6), 2**32 - 1),
    )
