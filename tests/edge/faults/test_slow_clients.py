"""Clients that hold connections by being slow: each is told or cut off in time, and everybody else is served.

`python -m bench.slowloris` measures the same with a thousand of them against a worker.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress

import pytest

from edge.client import ClientLimits
from edge.pace import LeastPace
from edge.routing import Timeouts
from tests.edge.plane import DEADLINE, OK, Connection, Plane, Served, plane, request, route, upstream
from tests.edge.test_data_plane_attacks import connect_with_small_buffers

MANY = 30
POST = b"POST /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"


@asynccontextmanager
async def patient_edge() -> AsyncIterator[Plane]:
    """An edge whose patience is short, before an upstream whose answers to /api/large are large."""

    async def serve(served: Served) -> None:
        while True:
            head = await served.head()
            if b"Content-Length: 100000" in head:
                await served.reader.readexactly(100_000)
            if b"/api/large" not in head:
                await served.send(OK)
                continue
            await served.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
            for _ in range(100):
                await served.send(bytes(1_000_000))

    limits = ClientLimits(pace=LeastPace(240, 0.5), head_seconds=0.5, body_seconds=0.5, idle_seconds=0.5)
    async with (
        upstream(serve) as behind,
        plane([route(behind.port, timeouts=Timeouts(response=0.5, idle=0.5))], limits=limits) as edge,
    ):
        yield edge


async def slow_head(edge: Plane) -> bytes:
    client = await edge.connect()
    return await drip(client, b"GET /api/x HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 1_000)


async def slow_body(edge: Plane) -> bytes:
    client = await edge.connect()
    await client.send(POST)
    return await drip(client, b"x" * 1_000)


async def drip(client: Connection, octets: bytes) -> bytes:
    """Sends octet by octet for as long as it is let; what it is answered."""

    async def send() -> None:
        for at in range(len(octets)):
            await client.send(octets[at : at + 1])
            await asyncio.sleep(0.02)

    async with asyncio.TaskGroup() as tasks:
        sending = tasks.create_task(send())
        answer = await client.ended()
        sending.cancel()
    return answer


async def slow_reader(edge: Plane) -> bytes:
    client = await connect_with_small_buffers(edge)
    await client.send(request("/api/large"))
    await client.head()
    while sum(visit.stage == "client" for visit in edge.visits) < MANY:  # all have been cut off
        with suppress(ConnectionResetError):
            await client.reader.read(1)
        await asyncio.sleep(0.02)
    return b""


@pytest.mark.parametrize(
    ("attack", "told"),
    [
        pytest.param(slow_head, b"HTTP/1.1 408 ", id="send a head drop by drop"),
        pytest.param(slow_body, b"HTTP/1.1 408 ", id="send a body drop by drop"),
        pytest.param(slow_reader, b"", id="read drop by drop"),
    ],
)
async def test_others_are_served_while_many(
    attack: Callable[[Plane], Coroutine[None, None, bytes]], told: bytes
) -> None:
    async with patient_edge() as edge, asyncio.timeout(3 * DEADLINE):
        async with asyncio.TaskGroup() as tasks:
            attackers = [tasks.create_task(attack(edge)) for _ in range(MANY)]
            served = 0
            while served < 50 or not all(attacker.done() for attacker in attackers):
                assert (await edge.get()).status == 200
                served += 1
        assert all(attacker.result().startswith(told) for attacker in attackers)
        assert sum(visit.status == 200 and not visit.stage for visit in edge.visits) == served
