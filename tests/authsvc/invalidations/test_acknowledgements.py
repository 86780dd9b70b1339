"""Acknowledgements that come together are taken together, and none is lost by another one's end."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from authsvc.invalidations import leases
from authsvc.invalidations.acknowledgements import Acknowledgements
from authsvc.invalidations.leases import LEASE, Acknowledgement, Worker
from authsvc.invalidations.log import Scope, append
from tests.authsvc.replica import Cluster

WORKERS = [Worker("gw", slot, UUID(int=slot)) for slot in range(9)]


@pytest.fixture
async def pool(cluster: Cluster) -> AsyncIterator[Any]:
    async with asyncpg.create_pool(cluster.url, min_size=1, max_size=3) as opened:
        yield opened


async def transactions(pool: Any) -> int:
    """How many starts of leases were written, by the number of transactions that did so."""
    return int(await pool.fetchval("SELECT count(DISTINCT xmin::text) FROM registry.leases"))


async def test_those_that_come_meanwhile_go_into_the_next_transaction(pool: Any) -> None:
    taking = Acknowledgements(pool)
    async with asyncio.TaskGroup() as tasks:
        granted = [tasks.create_task(taking.take(Acknowledgement(each, 0))) for each in WORKERS]
    _, serving = await leases.serving(pool)
    assert [lease.worker for lease in serving] == WORKERS
    assert all(task.result().duration == LEASE for task in granted)
    assert await transactions(pool) <= 2


async def test_each_gets_what_it_has_earned(pool: Any) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await append(connection, Scope.API_KEY, "KeyKey01", None)
    taking = Acknowledgements(pool)
    async with asyncio.TaskGroup() as tasks:
        granted = [
            tasks.create_task(taking.take(Acknowledgement(each, number % 2))) for number, each in enumerate(WORKERS)
        ]
    assert [task.result().duration for task in granted] == [
        LEASE if number % 2 else timedelta(0) for number in range(len(WORKERS))
    ]


async def test_a_caller_who_leaves_takes_nobody_along(pool: Any) -> None:
    taking = Acknowledgements(pool)
    async with asyncio.TaskGroup() as tasks, pool.acquire() as connection, connection.transaction():
        await append(connection, Scope.API_KEY, "KeyKey01", None)  # whoever has the turn waits for this
        first, *others = [tasks.create_task(taking.take(Acknowledgement(each, 1))) for each in WORKERS]
        await asyncio.sleep(0)
        first.cancel()
        again = tasks.create_task(taking.take(Acknowledgement(WORKERS[1], 1)))
        await asyncio.sleep(0)
    assert all(task.result().duration == LEASE for task in (*others, again))
    assert first.cancelled()
    _, serving = await leases.serving(pool)
    assert [lease.worker for lease in serving] == WORKERS[1:]
