"""Grants and changes that meet, each on a connection of its own: none of them overlooks the other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from authsvc.invalidations import leases
from authsvc.invalidations.leases import LEASE, Acknowledgement, Worker
from authsvc.invalidations.log import Scope, append
from tests.authsvc.replica import Cluster

HERE = Worker("gw", 0, UUID(int=1))
THERE = Worker("gw", 1, UUID(int=2))
_WAITING = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $1"


async def acknowledge(
    connection: Any, worker: Worker, revision: int, max_stale: timedelta = timedelta(0)
) -> leases.Grant:
    """One worker's acknowledgement."""
    (grant,) = await leases.acknowledge(connection, [Acknowledgement(worker, revision, max_stale)])
    return grant


@dataclass(frozen=True, slots=True)
class Connections:
    """Three sessions of the service's own database; the first two give a lock up at once."""

    one: Any
    other: Any
    patient: Any

    async def until_patient_waits(self) -> None:
        """Returns when the patient session waits for a lock."""
        async with asyncio.timeout(10):
            while not await self.other.fetchval(_WAITING, self.patient.get_server_pid()):
                pass


@pytest.fixture
async def connections(cluster: Cluster) -> AsyncIterator[Connections]:
    async with (
        connected(cluster, "1ms") as one,
        connected(cluster, "1ms") as other,
        connected(cluster, "10s") as patient,
    ):
        yield Connections(one, other, patient)


@asynccontextmanager
async def connected(cluster: Cluster, lock_timeout: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(cluster.url, server_settings={"lock_timeout": lock_timeout})
    try:
        yield connection
    finally:
        await connection.close()


async def test_no_event_is_committed_past_a_lease_that_is_being_granted(connections: Connections) -> None:
    """Else it would be called in force while that lease, which nobody sees yet, runs for its 30 s."""
    async with connections.one.transaction():
        await acknowledge(connections.one, HERE, 0)
        with pytest.raises(asyncpg.LockNotAvailableError):
            async with connections.other.transaction():
                await append(connections.other, Scope.API_KEY, "KeyKey01", None)
    async with connections.other.transaction():
        await append(connections.other, Scope.API_KEY, "KeyKey01", None)
    _, running = await leases.serving(connections.other)
    assert [(lease.worker, lease.revision) for lease in running] == [(HERE, 0)]


async def test_a_lease_that_waited_for_an_event_is_counted_from_it(connections: Connections) -> None:
    await acknowledge(connections.other, HERE, 0)
    async with asyncio.TaskGroup() as tasks, connections.one.transaction():
        await append(connections.one, Scope.API_KEY, "KeyKey01", None)
        # As if the change had been under way for long.
        await connections.one.execute(
            "UPDATE registry.invalidations SET commit_time = commit_time - $1::interval", LEASE / 2
        )
        granting = tasks.create_task(acknowledge(connections.patient, HERE, 0))
        await connections.until_patient_waits()
    grant = granting.result()
    assert grant.head == 1
    assert timedelta(0) < grant.duration <= LEASE / 2


@pytest.mark.parametrize(
    ("left", "ago", "least", "most"),
    [(20, 10, 18, 20), (20, 31, 0, 0), (6, 10, 18, 20), (4, 10, 0, 0), (-1, 1, 0, 0)],
    ids=[
        *("counted from the event it missed", "missed for longer than a lease", "runs on long enough"),
        *("may have run out before the grant is committed", "has run out"),
    ],
)
async def test_the_lease_of_a_worker_that_lags(
    connections: Connections, left: int, ago: int, least: int, most: int
) -> None:
    """Else one that only ever acknowledges the past would keep a revocation pending for ever, or serve what it had when
    a revocation found no lease of it."""
    store = connections.one
    await acknowledge(store, HERE, 0)
    async with store.transaction():
        await append(store, Scope.API_KEY, "KeyKey01", None)
    await store.execute(
        "UPDATE registry.invalidations SET commit_time = clock_timestamp() - $1::interval", timedelta(seconds=ago)
    )
    await store.execute(
        "UPDATE registry.leases SET expires_at = clock_timestamp() + $1::interval", timedelta(seconds=left)
    )
    grant = await acknowledge(store, HERE, 0)
    assert timedelta(seconds=least) <= grant.duration <= timedelta(seconds=most)


async def test_a_worker_that_gets_no_lease_is_not_waited_for(connections: Connections) -> None:
    async with connections.one.transaction():
        await append(connections.one, Scope.API_KEY, "KeyKey01", None)
    await acknowledge(connections.one, HERE, 0, timedelta(minutes=15))
    assert await serving(connections.one) == []


async def test_grants_do_not_wait_for_each_other(connections: Connections) -> None:
    async with connections.one.transaction(), connections.other.transaction():
        await acknowledge(connections.one, HERE, 0)
        await acknowledge(connections.other, THERE, 0)


async def ended(connection: Any, worker: Worker, max_stale: timedelta) -> None:
    """A lease that ran out a minute ago."""
    await acknowledge(connection, worker, 0, max_stale)
    await connection.execute(
        "UPDATE registry.leases SET expires_at = expires_at - interval '90 s' WHERE boot_id = $1", worker.boot_id
    )


async def serving(connection: Any) -> list[Worker]:
    _, found = await leases.serving(connection)
    return [lease.worker for lease in found]


async def test_a_worker_that_may_serve_on_without_a_lease_counts_until_then(connections: Connections) -> None:
    await ended(connections.one, HERE, timedelta(minutes=15))
    await ended(connections.one, THERE, timedelta(seconds=59))
    assert await serving(connections.one) == [HERE]


async def test_a_start_that_was_killed_counts_no_more_once_its_slot_has_another(connections: Connections) -> None:
    await ended(connections.one, HERE, timedelta(minutes=15))
    successor = Worker(HERE.gateway_id, HERE.slot, UUID(int=9))
    await acknowledge(connections.one, successor, 0, timedelta(minutes=15))
    assert await serving(connections.one) == [successor]
