"""When an event is in force."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from authsvc.invalidations.force import judge
from authsvc.invalidations.leases import Lease, Worker

NOW = datetime(2030, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def _lease(name: str, revision: int, seconds: float, stale: float = 0) -> Lease:
    return Lease(Worker(name, 0, UUID(int=0)), revision, NOW + timedelta(seconds=seconds), timedelta(seconds=stale))


@pytest.mark.parametrize(
    ("running", "acknowledged", "pending", "effective"),
    [
        ([], [], [], 0),
        ([_lease("a", 5, 10), _lease("b", 6, 20)], ["a", "b"], [], 0),
        ([_lease("a", 5, 10), _lease("b", 4, 10)], ["a"], ["b"], 28),
        ([_lease("b", 4, 29)], [], ["b"], 29),
        ([_lease("b", 4, 29, stale=900)], [], ["b"], 929),
        ([_lease("b", 4, -5, stale=900)], [], ["b"], 928),
        ([_lease("b", 5, -5, stale=900)], ["b"], [], 0),
    ],
    ids=[
        *("nobody", "all have it", "one has not", "its lease ends last"),
        *("it may serve on without one", "it serves on without one", "it has it and serves on"),
    ],
)
def test_how_far_an_event_has_come(
    running: list[Lease], acknowledged: list[str], pending: list[str], effective: float
) -> None:
    force = judge(5, NOW - 2 * SECOND, running, NOW)
    assert [worker.gateway_id for worker in force.acknowledged] == acknowledged
    assert [worker.gateway_id for worker in force.pending] == pending
    assert force.everywhere == (not pending)
    assert force.effective_time == NOW + timedelta(seconds=effective)
