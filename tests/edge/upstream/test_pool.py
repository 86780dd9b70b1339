"""Connections to a target: so many at most, kept so long, to the addresses that it has, proven to be the right ones."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from domain.tenants import DEFAULT_TENANT, TenantId
from edge.deadlines import Deadlines
from edge.resilience import ConnectionLimits, Trust
from edge.routing import Service, Target
from edge.story import in_task
from edge.upstream.connection import UpstreamConnection
from edge.upstream.guard import AddressGuard
from edge.upstream.names import Addresses, Names
from edge.upstream.pool import Lease, Unreachable, UpstreamPool
from tests.support.authority import Authority

ACME = TenantId("0192aaaa-0000-7000-8000-0000000000ac")


@asynccontextmanager
async def server(context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Takes connections and holds them; its port."""

    held: list[asyncio.StreamWriter] = []

    def hold(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    serving = await asyncio.start_server(hold, "127.0.0.1", 0, ssl=context)
    try:
        yield serving.sockets[0].getsockname()[1]
    finally:
        serving.close()
        for writer in held:
            writer.close()


@asynccontextmanager
async def pool(names: Names | None = None, guard: AddressGuard | None = None) -> AsyncIterator[UpstreamPool]:
    pool = UpstreamPool(guard or AddressGuard(), Deadlines(), names=names)
    yield pool
    pool.close()
    await asyncio.sleep(0)


def lease_of(
    pool: UpstreamPool,
    port: int,
    limits: ConnectionLimits | None = None,
    *,
    host: str = "127.0.0.1",
    tls: bool = False,
    trust: Trust | None = None,
    owner: TenantId = DEFAULT_TENANT,
    name: str = "s",
) -> Lease:
    target = Target(host, port, tls)
    service = Service(name, (target,), connections=limits or ConnectionLimits(), trust=trust or Trust())
    return pool.lease(service, target, owner, trusted=owner == DEFAULT_TENANT)


async def gone(lease: Lease, connection: UpstreamConnection) -> None:
    async with asyncio.timeout(10):
        while connection in lease.open:  # noqa: ASYNC110 - the end of a connection is no event
            await asyncio.sleep(0)


async def test_a_target_is_the_same_for_all_that_use_it_by_one_service_and_for_nobody_else() -> None:
    async with pool() as connections:
        one = lease_of(connections, 1)
        assert lease_of(connections, 1) is one
        assert lease_of(connections, 2) is not one
        assert lease_of(connections, 1, tls=True) is not one
        assert lease_of(connections, 1, owner=ACME) is not one
        assert lease_of(connections, 1, name="other") is not one
        assert lease_of(connections, 1, trust=Trust(server_name="a.test")) is not one


async def test_limits_that_change_hold_for_the_connections_that_are_there() -> None:
    async with server() as port, pool() as connections:
        lease = lease_of(connections, port)
        connection = await connections.connect(lease, 5.0)
        connections.release(lease, connection, 100.0)
        assert lease_of(connections, port, ConnectionLimits(connections=1, idle=60.0)) is lease
        connections.expire(110.0)
        assert connections.idle(lease, 110.0) is connection


async def test_an_idle_connection_is_closed_when_its_time_is_over() -> None:
    async with server() as port, pool() as connections:
        lease = lease_of(connections, port, ConnectionLimits(idle=2.0))
        connection = await connections.connect(lease, 5.0)
        connections.release(lease, connection, 100.0)
        connections.expire(101.9)
        assert not connection.closed
        connections.expire(102.0)
        assert connection.closed
        await gone(lease, connection)


async def test_one_that_is_too_old_is_not_used_even_before_it_is_closed() -> None:
    async with server() as port, pool() as connections:
        lease = lease_of(connections, port, ConnectionLimits(idle=2.0))
        connections.release(lease, await connections.connect(lease, 5.0), 100.0)
        assert connections.idle(lease, 102.0) is None


async def test_when_all_connections_are_in_use_the_next_waits_for_the_first_that_is_done_with() -> None:
    async with server() as port, pool() as connections:
        lease = lease_of(connections, port, ConnectionLimits(connections=2))
        first, _second = [await connections.connect(lease, 5.0) for _ in range(2)]
        waiting = [in_task(connections.connect(lease, 5.0)) for _ in range(2)]
        await asyncio.sleep(0)
        connections.release(lease, first, 100.0)
        assert await waiting[0] is first
        assert not waiting[1].done()
        connections.release(lease, first, 101.0)
        assert await waiting[1] is first
        assert len(lease.open) == 2


async def test_a_connection_that_ends_makes_room_for_another() -> None:
    async with server() as port, pool() as connections:
        lease = lease_of(connections, port, ConnectionLimits(connections=1))
        first = await connections.connect(lease, 5.0)
        waiting = in_task(connections.connect(lease, 5.0))
        await asyncio.sleep(0)
        first.abandon()
        second = await waiting
        assert second is not first
        assert lease.open == {second}


async def test_whoever_waits_in_vain_is_told_that_all_are_in_use() -> None:
    async with server() as port, pool() as connections:
        lease = lease_of(connections, port, ConnectionLimits(connections=1))
        connection = await connections.connect(lease, 5.0)
        with pytest.raises(Unreachable) as raised:
            await connections.connect(lease, 0.02)
        assert (raised.value.busy, raised.value.why) == (True, "all connections to it are in use")
        connections.release(lease, connection, 100.0)  # nobody waits any more
        assert connections.idle(lease, 100.0) is connection


async def test_who_gives_up_in_the_moment_of_the_handing_over_loses_no_connection() -> None:
    async with server() as port, pool() as connections:
        lease = lease_of(connections, port, ConnectionLimits(connections=1))
        connection = await connections.connect(lease, 5.0)
        gives_up, waits = (in_task(connections.connect(lease, 5.0)) for _ in range(2))
        await asyncio.sleep(0)
        connections.release(lease, connection, 100.0)
        gives_up.cancel()
        assert await waits is connection
        assert gives_up.cancelled()


async def test_a_connection_that_cannot_be_made_leaves_its_place_to_another() -> None:
    async with pool() as connections:
        lease = lease_of(connections, 1, ConnectionLimits(connections=1))
        for _ in range(3):
            with pytest.raises(Unreachable, match="cannot be reached"):
                await connections.connect(lease, 5.0)
        assert (lease.opening, lease.open) == (0, set())


def fixed(*addresses: str) -> Names:
    async def lookup(_host: str) -> Addresses:
        return addresses

    return Names(lookup)


async def test_a_name_with_several_addresses_is_reached_at_each_in_turn() -> None:
    async with server() as port, pool(fixed("127.0.0.1", "127.0.0.2")) as connections:
        lease = lease_of(connections, port, host="a.test")
        made = [await connections.connect(lease, 5.0) for _ in range(2)]
        assert [each.address for each in made] == ["127.0.0.1", "127.0.0.1"]  # nobody listens at the other
        assert lease.made == 2


async def test_the_guard_judges_the_address_that_is_connected_to() -> None:
    async with server() as port, pool(fixed("127.0.0.1")) as connections:
        with pytest.raises(Unreachable, match="its address is not allowed"):
            await connections.connect(lease_of(connections, port, host="a.test", owner=ACME), 5.0)
        await connections.connect(lease_of(connections, port, host="a.test"), 5.0)


async def test_connections_to_an_address_that_the_name_has_no_more_are_not_used_again() -> None:
    found = ["127.0.0.1"]

    async def lookup(_host: str) -> Addresses:
        return tuple(found)

    names = Names(lookup)
    async with server() as port, pool(names) as connections:
        lease = lease_of(connections, port, host="a.test", limits=ConnectionLimits(idle=3600.0))
        idle, busy = [await connections.connect(lease, 5.0) for _ in range(2)]
        connections.release(lease, idle, 0.0)
        connections.expire(0.0)
        assert idle.reusable
        found[:] = ["127.0.0.2"]
        names._names["a.test"].asked_at = float("-inf")  # it is time
        async with asyncio.timeout(10):
            while names.known("a.test") != ("127.0.0.2",):  # noqa: ASYNC110 - an answer is no event
                await asyncio.sleep(0)
        connections.expire(0.0)
        assert connections.idle(lease, 0.0) is None
        connections.release(lease, busy, 0.0)
        assert connections.idle(lease, 0.0) is None


async def reached(port: int, host: str, trust: Trust, seconds: float = 5.0) -> str:
    """How the target proves itself: empty, or why it cannot be reached."""
    async with pool(fixed("127.0.0.1")) as connections:
        try:
            await connections.connect(lease_of(connections, port, host=host, tls=True, trust=trust), seconds)
        except Unreachable as error:
            return error.why
        return ""


async def test_a_target_by_https_must_prove_its_name_by_an_authority_that_is_believed(tmp_path: Path) -> None:
    ours, others = Authority(), Authority()
    async with server(ours.server(tmp_path, "a.test", "127.0.0.1")) as port:
        assert await reached(port, "a.test", Trust(ours.pem)) == ""
        assert await reached(port, "127.0.0.1", Trust(ours.pem)) == ""
        assert await reached(port, "a.test", Trust()) == "its certificate is not trusted"
        assert await reached(port, "a.test", Trust(others.pem)) == "its certificate is not trusted"
        assert await reached(port, "a.test", Trust(others.pem + ours.pem)) == ""
        assert await reached(port, "b.test", Trust(ours.pem)) == "its certificate is not trusted"
        assert await reached(port, "b.test", Trust(ours.pem, "a.test")) == ""
        assert await reached(port, "a.test", Trust(ours.pem, "b.test")) == "its certificate is not trusted"


async def test_plain_text_where_tls_is_spoken_cannot_be_reached() -> None:
    async with server() as port:
        assert await reached(port, "a.test", Trust(), seconds=0.2) in ("cannot be reached", "no connection in time")
