"""A request that repeats the one before it fares as any other would: the same sequence is played on one kept
connection, where it goes the short way, and with its last request on a connection of its own, where it cannot."""

import asyncio
import re
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import pytest
from penstock.errors.v1 import error_reason_pb2 as reasons

from domain.tenants import DEFAULT_TENANT
from edge.limits.decision import Decision
from edge.limits.limiter import LimitUnavailable
from edge.limits.policy import LimitSet
from edge.limits.rules import LimitRules, Quota, Rate, Unlimited
from edge.principal import Principal, PrincipalKind, Rejection
from edge.repeat import Undecided
from edge.resilience import Balance, Breaker, Policy, Retries
from edge.routing import Auth, CorsRules, Route, Timeouts
from edge.snapshot import GatewaySnapshot, Subscription, TenantStatus, TenantView
from tests.edge.faults.resets import reset
from tests.edge.plane import DATED as OK
from tests.edge.plane import (
    DEADLINE,
    Connection,
    Plane,
    Served,
    Upstream,
    admitted,
    answering,
    plane,
    refused,
    request,
    route,
    upstream,
)

WARM = 2
"""Requests until one can be repeated: of the first the head is parsed, of the second it is known."""
KEY = "psk_live_default0keykey00_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJK"
CALLER = Principal(PrincipalKind.CONSUMER, "c-1", DEFAULT_TENANT, name="shop")
SHOP = CorsRules(origins=frozenset(("https://shop.example",)))
QUICK = Timeouts(response=0.6, idle=0.6)
ASKED = request("/api/x", "Origin: https://shop.example")
Behaviour = Callable[[Served], Awaitable[None]]


def head(*lines: str, status: str = "200 OK") -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status}", *lines, "", "")).encode()


def sending(*parts: bytes, pause: float = 0.0, end: bool = False) -> Behaviour:
    """Sends these parts, each by itself."""

    async def behave(served: Served) -> None:
        served.writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in parts:
            await served.send(part)
            await asyncio.sleep(pause)
        if end:
            served.writer.close()

    return behave


async def resetting(served: Served) -> None:
    reset(served.writer)


async def silent(_served: Served) -> None:
    await asyncio.sleep(1.0)


BEHAVIOURS = {
    "the same answer": sending(OK),
    "the same head, another body": sending(OK[:-2] + b"no"),
    "an octet at a time": sending(*(OK[at : at + 1] for at in range(len(OK))), pause=0.001),
    "the head, then the body": sending(OK[:-2], OK[-2:], pause=0.01),
    "half of the head": sending(OK[:20], OK[20:], pause=0.01),
    "a head that is new": sending(head("Content-Length: 3", "X-New: 1") + b"new"),
    "no content": sending(head(status="204 No Content")),
    "not modified": sending(head("ETag: a", status="304 Not Modified")),
    "cannot serve now": sending(head("Content-Length: 4", status="503 Service Unavailable") + b"away"),
    "cannot serve now, without an end": sending(head("Content-Length: 4", status="503 Service Unavailable"), pause=1.0),
    "an error": sending(head("Content-Length: 4", status="500 Internal Server Error") + b"oops"),
    "chunks": sending(head("Transfer-Encoding: chunked"), b"2\r\nok\r\n", b"0\r\n\r\n", pause=0.005),
    "until the end": sending(head("Connection: close"), b"ok", end=True),
    "an interim answer before": sending(head("Link: </a>", status="103 Early Hints"), OK, pause=0.005),
    "a large body": sending(head("Content-Length: 300000") + b"x" * 300_000),
    "and the end of the connection": sending(OK, end=True),
    "closed before the answer": sending(end=True),
    "closed in the head": sending(OK[:20], end=True),
    "closed in the body": sending(OK[:-1], end=True),
    "reset": resetting,
    "no HTTP": sending(b"SSH-2.0-x\r\n"),
    "two lengths": sending(head("Content-Length: 2", "Content-Length: 3") + b"ok"),
    "more than it said": sending(OK + b"more"),
    "another answer behind": sending(OK + OK),
    "a head that is too long": sending(head("X-Long: " + "x" * 70_000)),
    "nothing for too long": silent,
    "half of the body, then nothing for too long": sending(OK[:-1], pause=1.0),
}


RECORDED = ("status", "code", "stage", "route", "path", "response_bytes")


@dataclass
class Fate:
    """What became of the last request, for the client, the upstream and the records."""

    octets: bytes
    heads: list[bytes]
    connections: int
    record: dict[str, object]
    warmed: bool


def masked(octets: bytes) -> bytes:
    """Without what differs from one request to the next."""
    octets = re.sub(rb"(?i)(?<=\r\nX-Request-ID: )[0-9a-f-]{36}|(?<=\r\ntraceparent: )[0-9a-f-]{55}", b"?", octets)
    octets = re.sub(rb'(?<="request_id":")[0-9a-f-]{36}', b"?", octets)
    return re.sub(rb"(?<=\r\nDate: )[^\r]*", b"?", octets)


async def fate(behave: Behaviour, *, short: bool, **changes: Any) -> Fate:
    """Plays it all to the end: ordinary answers, then this behaviour once, then ordinary ones again."""
    total = 0

    async def script(served: Served) -> None:
        nonlocal total
        while True:
            await served.head()
            total += 1
            await (behave(served) if total == WARM + 1 else served.send(OK))

    async with upstream(script) as behind, plane([route(behind.port, timeouts=QUICK, **changes)]) as edge:
        client = await warmed(edge)
        repeats = edge.served[0].repeat is not None
        if not short:
            client = await edge.connect()
        await client.send(ASKED)
        await edge.visit(WARM + 1)
        await client.send(ASKED)
        with suppress(OSError):  # the edge has closed
            client.writer.write_eof()
        octets = await client.ended()
        [*_, record] = edge.notes[: WARM + 1]
        shown = {name: getattr(record, name) for name in ("status", "code", "stage", "route", "path", "response_bytes")}
        return Fate(masked(octets), [masked(each) for each in behind.heads], behind.connections, shown, repeats)


async def warmed(edge: Plane, asked: bytes = ASKED) -> Connection:
    """A client whose next request is a repeat."""
    client = await edge.connect()
    for _ in range(WARM):
        await client.send(asked)
        assert (await client.answer()).status == 200
    assert edge.served[-1].repeat is not None
    return client


WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "cross-origin": {"cors": CorsRules(origins=frozenset(("https://shop.example",)))},
    "watched": {"resilience": {"breaker": Breaker(1, open=60.0)}},
    "sent again": {"resilience": {"retries": Retries(2), "balance": Balance(Policy.LEAST_REQUESTS)}},
    "watched and sent again": {"resilience": {"retries": Retries(2), "breaker": Breaker(1, open=60.0)}},
}


@pytest.mark.parametrize("changes", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("behave", BEHAVIOURS.values(), ids=BEHAVIOURS)
async def test_whatever_an_upstream_does_is_told_alike(behave: Behaviour, changes: dict[str, Any]) -> None:
    short, long = await fate(behave, short=True, **changes), await fate(behave, short=False, **changes)
    assert short.warmed
    assert short == long


@asynccontextmanager
async def repeating(
    *, limited: bool = False, behave: Behaviour | None = None, **changes: Any
) -> AsyncIterator[tuple[Plane, Connection, Upstream]]:
    """A client that has asked often enough for its next request to go the short way."""
    total = 0

    async def script(served: Served) -> None:
        nonlocal total
        while True:
            await served.head()
            total += 1
            await (behave(served) if behave is not None and total == WARM + 1 else served.send(OK))

    async with upstream(script) as behind, plane([route(behind.port, **changes)]) as edge:
        limit(edge, Rate(500, 60_000) if limited else Unlimited.UNLIMITED)
        edge.known[KEY.encode()] = CALLER
        yield edge, await warmed(edge, request("/api/x", f"X-API-Key: {KEY}")), behind


def limit(edge: Plane, rate: Quota) -> None:
    """Gives everybody this limit."""
    change(edge, rules=replace(default(edge).rules, limits=LimitRules(authenticated=rate, anonymous=rate)))


def default(edge: Plane) -> TenantView:
    return edge.snapshot.tenants[DEFAULT_TENANT]


def change(edge: Plane, **changes: Any) -> None:
    """Has the edge serve by a config that differs in this."""
    view = replace(default(edge), **changes)
    edge.snapshot = GatewaySnapshot(edge.snapshot.revision + 1, {DEFAULT_TENANT: view}, {}, {"default0": view})


AGAIN = request("/api/x", f"X-API-Key: {KEY}")


@pytest.mark.parametrize("limited", [False, True])
async def test_each_has_an_id_a_trace_and_a_record_of_its_own(limited: bool) -> None:
    async with repeating(limited=limited, auth=Auth.REQUIRED) as (edge, client, behind):
        ids = []
        for _ in range(5):
            await client.send(AGAIN)
            answer = await client.answer()
            assert (answer.status, answer.body) == (200, b"ok")
            assert ("ratelimit" in answer.fields) == limited
            ids.append(answer.fields["x-request-id"])
        last = edge.notes[-5:]
    assert [each.request_id for each in last] == ids
    assert len({each.id for each in edge.notes}) == len({each.trace_id for each in edge.notes}) == WARM + 5
    told = [re.search(rb"X-Request-ID: (.*)\r\ntraceparent: 00-(.*?)-", each) for each in behind.heads[-5:]]
    assert [(found[1].decode(), bytes.fromhex(found[2].decode())) for found in told if found] == [
        (each.request_id, each.trace_id) for each in last
    ]
    assert {each.principal_id for each in last} == {"c-1"}
    assert all(each.duration_micros >= each.upstream_micros > 0 for each in last)
    [count] = edge.tally.requests.values()
    assert (count.count, edge.tally.events["gateway_auth_attempts", "success"]) == (WARM + 5, WARM + 5)


async def test_a_request_id_that_comes_again_is_kept_again() -> None:
    async with repeating() as (edge, _client, _behind):
        client = await warmed(edge, request("/api/x", "X-Request-ID: mine"))
        await client.send(request("/api/x", "X-Request-ID: mine"))
        assert (await client.answer()).fields["x-request-id"] == "mine"


@pytest.mark.parametrize("known", [None, Rejection(reasons.ERROR_REASON_KEY_INVALID)], ids=["forgotten", "refused"])
@pytest.mark.parametrize("limited", [False, True])
async def test_a_credential_that_holds_no_more_is_refused_at_once(known: Rejection | None, limited: bool) -> None:
    async with repeating(limited=limited, auth=Auth.REQUIRED) as (edge, client, behind):
        edge.known = {} if known is None else {KEY.encode(): known}
        await client.send(AGAIN)
        assert (await client.answer()).code == "KEY_INVALID"
    assert len(behind.heads) == WARM


async def test_another_principal_is_told_to_the_upstream() -> None:
    async with repeating(auth=Auth.REQUIRED) as (edge, client, behind):
        edge.known[KEY.encode()] = replace(CALLER, id="c-2")
        await client.send(AGAIN)
        assert (await client.answer()).status == 200
    assert b"X-User-ID: c-2\r\n" in behind.heads[-1]


@pytest.mark.parametrize("limited", [False, True])
async def test_a_change_of_the_config_holds_for_the_next_request(limited: bool) -> None:
    async with repeating(limited=limited) as (edge, client, _behind):
        change(edge, status=TenantStatus.SUSPENDED)
        await client.send(AGAIN)
        assert (await client.answer()).code == "TENANT_SUSPENDED"


async def test_a_subscription_that_ends_meanwhile_has_ended() -> None:
    async with repeating() as (edge, _, behind):
        change(edge, subscription=Subscription(valid_until=time.time() + 0.3))
        client = await warmed(edge)
        await asyncio.sleep(0.35)
        await client.send(ASKED)
        assert (await client.answer()).code == "SUBSCRIPTION_EXPIRED"
        assert len(behind.heads) == 2 * WARM


async def test_a_limit_that_is_used_up_refuses_and_is_asked_once() -> None:
    asked = []

    def decide(limits: LimitSet) -> Decision:
        asked.append(limits)
        return refused(limits) if len(asked) == WARM + 1 else admitted(limits)

    async with repeating(limited=True) as (edge, client, behind):
        edge.decide = decide
        asked += [None, None]  # type: ignore[list-item]
        await client.send(AGAIN)
        answer = await client.answer()
        assert (answer.code, answer.fields["retry-after"]) == ("RATE_LIMITED", "2")
        await client.send(AGAIN)
        assert (await client.answer()).status == 200
    assert (len(asked), len(behind.heads)) == (WARM + 2, WARM + 1)


async def test_limits_that_cannot_be_decided_refuse() -> None:
    def decide(_limits: LimitSet) -> Decision:
        raise LimitUnavailable("away")

    async with repeating(limited=True) as (edge, client, _behind):
        edge.decide = decide
        await client.send(AGAIN)
        assert (await client.answer()).code == "LIMIT_UNAVAILABLE"


@pytest.mark.parametrize("limited", [False, True])
async def test_those_that_come_together_are_answered_in_their_order(limited: bool) -> None:
    async with repeating(limited=limited) as (_edge, client, behind):
        other = request("/api/other")
        await client.send(AGAIN + AGAIN + other + AGAIN + AGAIN + AGAIN + b"no HTTP\r\n\r\n")
        statuses = [(await client.answer()).status for _ in range(7)]
        assert statuses == [200] * 6 + [400]
        assert await client.ended() == b""
    assert [each.split(b" ")[1] for each in behind.heads[WARM:]] == [b"/api/x"] * 2 + [b"/api/other"] + [b"/api/x"] * 3


@pytest.mark.parametrize("limited", [False, True])
async def test_one_begins_when_the_one_before_has_ended(limited: bool) -> None:
    """Though there is a second idle connection to the upstream."""

    async def script(served: Served) -> None:
        while True:
            await served.head()
            await asyncio.sleep(0.03)
            await served.send(OK)

    async with upstream(script) as behind, plane([route(behind.port)]) as edge:
        limit(edge, Rate(500, 60_000) if limited else Unlimited.UNLIMITED)
        await asyncio.gather(edge.get(), edge.get())
        assert behind.connections == 2
        client = await warmed(edge)
        await client.send(ASKED * 3)
        assert [(await client.answer()).status for _ in range(3)] == [200] * 3
        begun = [note.start_micros + note.duration_micros for note in edge.notes[-3:]]
        assert len({note.id for note in edge.notes}) == 2 + WARM + 3
        assert all(later - earlier > 20_000 for earlier, later in pairwise(begun))


async def test_one_that_goes_the_long_way_in_the_end_stays_before_those_behind_it() -> None:
    surprising = sending(head("Content-Length: 3", "X-New: 1") + b"new")
    async with repeating(behave=surprising) as (_edge, client, behind):
        await client.send(AGAIN + request("/api/other"))
        assert [(await client.answer()).body for _ in range(2)] == [b"new", b"ok"]
    assert [each.split(b" ")[1] for each in behind.heads[WARM:]] == [b"/api/x", b"/api/other"]


async def test_a_worker_that_drains_says_so_on_the_answer_that_is_under_way() -> None:
    async with repeating(behave=sending(OK, pause=0.0)) as (edge, client, _behind):
        edge.drain()
        await client.send(AGAIN)
        answer = await client.answer()
        assert (answer.status, answer.fields["connection"]) == (200, "close")
        assert await client.ended() == b""


async def slowly(served: Served) -> None:
    await asyncio.sleep(0.2)
    await served.send(OK)


async def test_a_drain_that_begins_meanwhile_is_told_too() -> None:
    async with repeating(behave=slowly) as (edge, client, _behind):
        await client.send(AGAIN)
        await under_way(edge)
        edge.drain()
        answer = await client.answer()
        assert (answer.status, answer.fields["connection"]) == (200, "close")
        assert await client.ended() == b""


async def under_way(edge: Plane) -> None:
    async with asyncio.timeout(DEADLINE):
        while edge.served[0].exchange is None:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)


async def test_a_client_that_goes_is_recorded_and_its_upstream_told() -> None:
    async with repeating(behave=silent) as (edge, client, behind):
        await client.send(AGAIN)
        await under_way(edge)
        reset(client.writer)
        visit = await edge.visit(WARM + 1)
        async with asyncio.timeout(DEADLINE):
            await behind.gone.wait()
    assert (visit.status, visit.stage) == (0, "response")


async def test_a_client_that_has_sent_its_last_gets_its_answer() -> None:
    async with repeating(behave=slowly) as (_edge, client, _behind):
        await client.send(AGAIN)
        client.writer.write_eof()
        answer = await client.answer()
        assert (answer.status, answer.body) == (200, b"ok")
        assert await client.ended() == b""


class _Held:
    """A limiter's answer that a test gives when it wants to."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[tuple[LimitSet, asyncio.Future[Decision]]] = asyncio.Queue()

    async def check(self, limits: LimitSet, cost: int = 1) -> Decision:
        future: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
        self.asked.put_nowait((limits, future))
        return await future


@asynccontextmanager
async def undecided(
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[tuple[Plane, Connection, Upstream, Callable[[], None]]]:
    """A repeat whose limits are being decided; the last element decides."""
    held = _Held()
    async with repeating(limited=True) as (edge, client, behind):
        monkeypatch.setattr("tests.edge.plane._Services.check", lambda _services, limits: held.check(limits))
        await client.send(AGAIN)
        limits, future = await held.asked.get()
        assert isinstance(edge.served[0].exchange, Undecided)
        yield edge, client, behind, lambda: future.set_result(admitted(limits))


async def test_a_client_that_goes_before_its_limits_are_decided(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with undecided(monkeypatch) as (edge, client, behind, decide):
        reset(client.writer)
        async with asyncio.timeout(DEADLINE):
            await edge.gone.wait()
        decide()
        visit = await edge.visit(WARM + 1)
    assert (visit.status, visit.stage, len(behind.heads)) == (0, "connect", WARM)


async def test_nor_do_those_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with undecided(monkeypatch) as (edge, client, behind, decide):
        await client.send(request("/api/y"))
        await asyncio.sleep(0.05)
        reset(client.writer)
        async with asyncio.timeout(DEADLINE):
            await edge.gone.wait()
        await asyncio.sleep(0)
        assert len(edge.visits) == WARM
        decide()
        await edge.visit(WARM + 1)
        assert [visit.head.path for visit in edge.visits[WARM:] if visit.head] == ["/api/x"]
        assert len(behind.heads) == WARM


async def test_a_drain_while_limits_are_decided_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async with undecided(monkeypatch) as (edge, client, _behind, decide):
        edge.drain()
        decide()
        answer = await client.answer()
    assert (answer.status, answer.fields["connection"]) == (200, "close")
    assert "ratelimit" in answer.fields


async def test_a_suspension_while_limits_are_decided_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    async with undecided(monkeypatch) as (edge, client, behind, decide):
        change(edge, status=TenantStatus.SUSPENDED)
        decide()
        assert (await client.answer()).code == "TENANT_SUSPENDED"
        assert len(behind.heads) == WARM


async def test_what_comes_while_limits_are_decided_waits_for_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    async with undecided(monkeypatch) as (edge, client, _behind, decide):
        monkeypatch.undo()
        await client.send(request("/api/y"))
        await asyncio.sleep(0.05)
        assert len(edge.visits) == WARM
        decide()
        assert [(await client.answer()).status for _ in range(2)] == [200, 200]
        assert [visit.head.path for visit in edge.visits[WARM:] if visit.head] == ["/api/x", "/api/y"]


@pytest.mark.parametrize(
    "changes",
    [pytest.param({"critical": True}, id="critical")],
)
async def test_what_must_be_proven_each_time_is_never_repeated(changes: dict[str, Any]) -> None:
    async with (
        upstream(lambda served: answering(OK)(served)) as behind,
        plane([route(behind.port, auth=Auth.REQUIRED, **changes)]) as edge,
    ):
        edge.credentials[KEY.encode()] = CALLER
        client = await edge.connect()
        for _ in range(4):
            await client.send(AGAIN)
            assert (await client.answer()).status == 200
        assert edge.served[0].repeat is None
        assert len(edge.looked_up) == 4


async def test_targets_take_their_turns() -> None:
    async with upstream(answering(OK)) as first, upstream(answering(OK)) as second:
        both: Route = route(first.port)
        targets = (*both.service.targets, *route(second.port).service.targets)
        both = replace(both, service=replace(both.service, targets=targets))
        async with plane([both]) as edge:
            client = await edge.connect()
            for _ in range(20):
                await client.send(ASKED)
                assert (await client.answer()).status == 200
            assert edge.served[0].repeat is not None
        assert (len(first.heads), len(second.heads)) == (10, 10)
