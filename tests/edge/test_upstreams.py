"""Services of several targets over real sockets: who is asked, what one that fails costs, what is never done twice."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest

from domain.tenants import DEFAULT_TENANT
from edge.resilience import Balance, Breaker, ConnectionLimits, HealthCheck, Policy, Retries
from edge.routing import Target, Timeouts
from edge.snapshot import GatewaySnapshot
from tests.edge.faults.servers import black_hole, closed_port
from tests.edge.plane import OK, Plane, Served, Upstream, answering, plane, request, route, upstream

AWAY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\naway"
QUICK = Timeouts(connect=0.2, response=0.3, idle=0.3)
Script = Callable[[Served], Awaitable[None]]


def says(name: str) -> Script:
    return answering(f"HTTP/1.1 200 OK\r\nContent-Length: {len(name)}\r\n\r\n{name}".encode())


async def closing(served: Served) -> None:
    """Takes a request and closes without an answer."""
    await served.head()


async def silent(served: Served) -> None:
    await served.reader.read()


async def behind(stack: AsyncExitStack, *scripts: Script) -> list[Upstream]:
    return [await stack.enter_async_context(upstream(each)) for each in scripts]


async def edge_of(stack: AsyncExitStack, *ports: int, timeouts: Timeouts = QUICK, **resilience: Any) -> Plane:
    return await stack.enter_async_context(plane([route(*ports, timeouts=timeouts, resilience=resilience)]))


async def bodies(edge: Plane, count: int, *lines: str) -> list[bytes]:
    return [(await edge.get("/api/x", *lines)).body for _ in range(count)]


async def test_targets_are_asked_in_turn() -> None:
    async with AsyncExitStack() as stack:
        a, b = await behind(stack, says("a"), says("b"))
        edge = await edge_of(stack, a.port, b.port)
        assert await bodies(edge, 4) == [b"a", b"b", b"a", b"b"]
        assert {each.upstream for each in edge.notes} == {f"127.0.0.1:{a.port}", f"127.0.0.1:{b.port}"}


async def test_the_requests_of_one_connection_are_spread_too() -> None:
    async with AsyncExitStack() as stack:
        a, b = await behind(stack, says("a"), says("b"))
        edge = await edge_of(stack, a.port, b.port)
        client = await edge.connect()
        seen = []
        for _ in range(20):
            await client.send(request())
            seen.append((await client.answer()).body)
        assert abs(seen.count(b"a") - seen.count(b"b")) <= 4


async def test_a_hash_keeps_to_one_target_for_each_value_of_the_header() -> None:
    async with AsyncExitStack() as stack:
        targets = await behind(stack, says("a"), says("b"), says("c"))
        balance = Balance(Policy.HASH, b"x-cart")
        edge = await edge_of(stack, *(each.port for each in targets), balance=balance)
        by_cart = [set(await bodies(edge, 3, f"X-Cart: {cart}")) for cart in range(12)]
        assert all(len(each) == 1 for each in by_cart)
        assert len(set[bytes]().union(*by_cart)) > 1


async def test_without_the_header_a_hash_takes_targets_in_turn() -> None:
    async with AsyncExitStack() as stack:
        a, b = await behind(stack, says("a"), says("b"))
        edge = await edge_of(stack, a.port, b.port, balance=Balance(Policy.HASH, b"x-cart"))
        assert set(await bodies(edge, 4)) == {b"a", b"b"}


async def test_a_hash_of_the_address_keeps_a_client_at_its_target() -> None:
    async with AsyncExitStack() as stack:
        a, b = await behind(stack, says("a"), says("b"))
        edge = await edge_of(stack, a.port, b.port, balance=Balance(Policy.HASH))
        assert len(set(await bodies(edge, 5))) == 1


async def test_the_least_loaded_target_is_asked() -> None:
    async with AsyncExitStack() as stack:
        a, b = await behind(stack, silent, says("b"))
        edge = await edge_of(stack, a.port, b.port, timeouts=Timeouts(), balance=Balance(Policy.LEAST_REQUESTS))
        waiting = await edge.connect()
        await waiting.send(request())
        async with asyncio.timeout(10):
            await a.met.wait()
        assert await bodies(edge, 4) == [b"b"] * 4


# -- sent again ----------------------------------------------------------------------------------------------------


async def test_a_request_that_meets_no_target_goes_to_another() -> None:
    async with AsyncExitStack() as stack:
        [there] = await behind(stack, says("b"))
        edge = await edge_of(stack, closed_port(), there.port, retries=Retries(2))
        assert [(await edge.get(method=method)).status for method in ("GET", "POST")] == [200, 200]
        note = edge.notes[0]
        assert (note.upstream, note.code, note.status) == (f"127.0.0.1:{there.port}", "", 200)


async def test_a_connection_that_nobody_accepts_costs_the_time_to_connect_and_no_answer() -> None:
    async with AsyncExitStack() as stack:
        [there] = await behind(stack, says("b"))
        edge = await edge_of(stack, stack.enter_context(black_hole()), there.port, retries=Retries(2))
        assert (await edge.get()).body == b"b"


FAULTS = {"closed": closing, "503": answering(AWAY), "no HTTP": answering(b"SSH-2.0-x\r\n")}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
async def test_an_idempotent_request_that_fails_is_sent_to_another(fault: str, method: str) -> None:
    async with AsyncExitStack() as stack:
        broken, there = await behind(stack, FAULTS[fault], says("b"))
        edge = await edge_of(stack, broken.port, there.port, retries=Retries(2))
        assert (await edge.get(method=method)).status == 200
        assert len(broken.heads) == len(there.heads) == 1


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_a_request_that_changes_things_is_never_sent_again(fault: str, method: str) -> None:
    async with AsyncExitStack() as stack:
        broken, there = await behind(stack, FAULTS[fault], says("b"))
        edge = await edge_of(stack, broken.port, there.port, retries=Retries(5))
        assert (await edge.get(method=method)).status in (502, 503)
        assert (len(broken.heads), len(there.heads)) == (1, 0)


async def test_the_last_error_of_a_target_reaches_the_client_as_it_came() -> None:
    async with AsyncExitStack() as stack:
        a, b = await behind(stack, answering(AWAY), answering(AWAY))
        edge = await edge_of(stack, a.port, b.port, retries=Retries(2))
        answer = await edge.get()
        assert (answer.status, answer.body) == (503, b"away")
        assert len(a.heads) + len(b.heads) == 2


async def test_without_retries_an_error_is_passed_on_at_once() -> None:
    async with AsyncExitStack() as stack:
        a, b = await behind(stack, answering(AWAY), says("b"))
        edge = await edge_of(stack, a.port, b.port)
        assert (await edge.get()).body == b"away"
        assert b.heads == []


async def reading(served: Served) -> None:
    """Takes a request with ten octets of body and closes."""
    await served.head()
    served.heads.append(await served.reader.readexactly(10))


async def echoing(served: Served) -> None:
    await served.head()
    body = await served.reader.readexactly(10)
    served.heads.append(body)
    await served.send(OK)


async def test_a_small_body_is_sent_again_whole() -> None:
    async with AsyncExitStack() as stack:
        broken, there = await behind(stack, reading, echoing)
        edge = await edge_of(stack, broken.port, there.port, retries=Retries(2))
        client = await edge.connect()
        await client.send(b"PUT /api/x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234")
        async with asyncio.timeout(10):
            await broken.met.wait()
        await client.send(b"56789")
        assert (await client.answer()).status == 200
        assert broken.heads[1] == there.heads[1] == b"0123456789"


async def test_a_large_body_is_not_sent_again() -> None:
    async def reading_much(served: Served) -> None:
        await served.head()
        await served.reader.readexactly(70_000)

    async with AsyncExitStack() as stack:
        broken, there = await behind(stack, reading_much, says("b"))
        edge = await edge_of(stack, broken.port, there.port, timeouts=Timeouts(), retries=Retries(2))
        answer = await edge.get(method="PUT", body=b"x" * 70_000)
        assert answer.code == "DOWNSTREAM_RESET"
        assert there.heads == []


async def test_an_answer_that_has_begun_is_never_followed_by_another() -> None:
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"
    async with AsyncExitStack() as stack:
        broken, there = await behind(stack, answering(half, times=1), says("b"))
        edge = await edge_of(stack, broken.port, there.port, retries=Retries(2))
        client = await edge.connect()
        await client.send(request())
        assert (await client.ended()).endswith(b"half")
        assert there.heads == []


async def test_an_interim_answer_is_the_beginning_of_an_answer() -> None:
    async def hinting(served: Served) -> None:
        await served.head()
        await served.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        await asyncio.sleep(0.05)

    async with AsyncExitStack() as stack:
        broken, there = await behind(stack, hinting, says("b"))
        edge = await edge_of(stack, broken.port, there.port, retries=Retries(2))
        assert (await edge.get()).code == "DOWNSTREAM_RESET"
        assert there.heads == []


async def test_all_attempts_together_take_no_longer_than_one_may() -> None:
    async with AsyncExitStack() as stack:
        [there] = await behind(stack, says("c"))
        holes = [stack.enter_context(black_hole()) for _ in range(4)]
        timeouts = Timeouts(connect=0.1, response=0.05)
        edge = await edge_of(stack, *holes, there.port, timeouts=timeouts, retries=Retries(5))
        answer = await edge.get()
        assert (answer.status, answer.code) == (504, "DOWNSTREAM_TIMEOUT")


async def test_repeats_end_with_their_budget() -> None:
    async with AsyncExitStack() as stack:
        a, b = await behind(stack, answering(AWAY), answering(AWAY))
        edge = await edge_of(stack, a.port, b.port, retries=Retries(2, budget_percent=10))
        for _ in range(20):
            assert (await edge.get()).status == 503
        assert 20 < len(a.heads) + len(b.heads) <= 20 + 3 + 2


# -- stopped -------------------------------------------------------------------------------------------------------


async def test_a_target_that_fails_again_and_again_is_asked_no_more() -> None:
    async with AsyncExitStack() as stack:
        broken, there = await behind(stack, answering(AWAY), says("b"))
        edge = await edge_of(stack, broken.port, there.port, breaker=Breaker(2, open=60.0))
        statuses = [(await edge.get()).status for _ in range(10)]
        assert statuses.count(503) == 2
        assert statuses[-5:] == [200] * 5
        assert len(broken.heads) == 2


async def test_an_only_target_whose_breaker_is_open_is_spared_and_the_client_told_when_to_come_back() -> None:
    async with AsyncExitStack() as stack:
        [broken] = await behind(stack, answering(AWAY))
        edge = await edge_of(stack, broken.port, breaker=Breaker(2, open=60.0))
        assert [(await edge.get()).body for _ in range(2)] == [b"away"] * 2
        answer = await edge.get()
        assert (answer.status, answer.code) == (503, "DOWNSTREAM_UNAVAILABLE")
        assert 1 <= int(answer.fields["retry-after"]) <= 60
        assert len(broken.heads) == 2


async def test_a_breaker_closes_again_when_its_target_is_well_again() -> None:
    well = False

    async def recovering(served: Served) -> None:
        while True:
            await served.head()
            await served.send(OK if well else AWAY)

    async with AsyncExitStack() as stack:
        [target] = await behind(stack, recovering)
        edge = await edge_of(stack, target.port, breaker=Breaker(1, open=0.1))
        assert (await edge.get()).body == b"away"
        well = True
        async with asyncio.timeout(10):
            while (await edge.get()).status != 200:  # noqa: ASYNC110 - the end of its time is no event
                await asyncio.sleep(0.02)
        assert [(await edge.get()).status for _ in range(5)] == [200] * 5


async def test_a_long_answer_closes_a_breaker_with_its_head() -> None:
    """Else an endless one would keep its target on trial for ever."""
    first = True

    async def streaming(served: Served) -> None:
        nonlocal first
        await served.head()
        if first:
            first = False
            return
        await served.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        await served.reader.read()

    async with AsyncExitStack() as stack:
        [target] = await behind(stack, streaming)
        edge = await edge_of(stack, target.port, timeouts=Timeouts(), breaker=Breaker(1, open=0.1))
        assert (await edge.get()).code == "DOWNSTREAM_RESET"
        await asyncio.sleep(0.1)
        clients = []
        for _ in range(3):
            clients.append(await edge.connect())
            await clients[-1].send(request())
            assert (await clients[-1].answer(head_only=True)).status == 200


async def test_a_client_that_goes_away_says_nothing_against_the_target() -> None:
    async with AsyncExitStack() as stack:
        a, b = await behind(stack, silent, says("b"))
        edge = await edge_of(stack, a.port, b.port, timeouts=Timeouts(), breaker=Breaker(1, open=60.0))
        client = await edge.connect()
        await client.send(request())
        async with asyncio.timeout(10):
            await a.met.wait()
        client.close()
        await edge.visit()
        other = await edge.connect()
        b_first = await edge.get()
        assert b_first.body == b"b"
        await other.send(request())  # its turn is the silent one's
        async with asyncio.timeout(10):
            while a.connections < 2:  # noqa: ASYNC110 - it has no event for each
                await asyncio.sleep(0.01)


async def test_an_old_connection_that_turned_out_closed_says_nothing_against_the_target() -> None:
    async with AsyncExitStack() as stack:
        [target] = await behind(stack, answering(OK, times=1))
        edge = await edge_of(stack, target.port, breaker=Breaker(1, open=60.0))
        assert [(await edge.get()).status for _ in range(6)] == [200] * 6


async def test_what_is_known_of_targets_outlives_a_new_config() -> None:
    async with AsyncExitStack() as stack:
        broken, there = await behind(stack, answering(AWAY), says("b"))
        breaker = Breaker(1, open=60.0)
        edge = await edge_of(stack, broken.port, there.port, breaker=breaker)
        assert set(await bodies(edge, 2)) == {b"away", b"b"}
        edge.snapshot = with_targets(edge, broken.port, there.port, breaker=breaker, retries=Retries(2))
        assert await bodies(edge, 6) == [b"b"] * 6
        assert len(broken.heads) == 1


def with_targets(edge: Plane, *ports: int, **resilience: Any) -> GatewaySnapshot:
    """The next config, with these targets."""
    view = edge.snapshot.tenants[DEFAULT_TENANT]
    changed = route(*ports, timeouts=QUICK, resilience=resilience)
    router = type(view.rules.router)([changed])
    rules = replace(view.rules, router=router, services=(changed.service,))
    view = replace(view, rules=rules)
    return GatewaySnapshot(edge.snapshot.revision + 1, {DEFAULT_TENANT: view}, {}, {"default0": view})


async def test_a_config_without_a_target_takes_it_out_of_use_at_once() -> None:
    async with AsyncExitStack() as stack:
        a, b = await behind(stack, says("a"), says("b"))
        edge = await edge_of(stack, a.port, b.port)
        client = await edge.connect()
        for _ in range(4):
            await client.send(request())
            await client.answer()
        edge.snapshot = with_targets(edge, b.port)
        for _ in range(4):
            await client.send(request())
            assert (await client.answer()).body == b"b"


async def test_more_requests_than_connections_wait_for_their_turn() -> None:
    most, now = 0, 0

    async def counting(served: Served) -> None:
        nonlocal most, now
        while True:
            await served.head()
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.01)
            now -= 1
            await served.send(OK)

    async with AsyncExitStack() as stack:
        [target] = await behind(stack, counting)
        limits = ConnectionLimits(connections=3)
        edge = await edge_of(stack, target.port, timeouts=Timeouts(connect=10.0), connections=limits)
        answers = await asyncio.gather(*(edge.get() for _ in range(30)))
        assert [each.status for each in answers] == [200] * 30
        assert (most, target.connections) == (3, 3)


async def test_a_request_that_finds_all_connections_in_use_is_told_so() -> None:
    async with AsyncExitStack() as stack:
        [target] = await behind(stack, silent)
        timeouts = Timeouts(connect=0.1)
        edge = await edge_of(stack, target.port, timeouts=timeouts, connections=ConnectionLimits(connections=1))
        client = await edge.connect()
        await client.send(request())
        async with asyncio.timeout(10):
            await target.met.wait()
        answer = await edge.get()
        assert (answer.status, answer.code) == (503, "DOWNSTREAM_UNAVAILABLE")


def test_a_service_of_one_target_that_asks_for_nothing_is_plain() -> None:
    service = route(1).service
    assert service.plain
    assert not replace(service, targets=(*service.targets, Target("a", 1))).plain
    wanted: list[dict[str, Any]] = [
        {"health": HealthCheck("/")},
        {"breaker": Breaker(1)},
        {"retries": Retries(2)},
    ]
    assert not any(replace(service, **each).plain for each in wanted)
