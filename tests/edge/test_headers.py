"""What upstreams see of a request's header fields, end to end: octets in, octets out."""

import re
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_network

import pytest

from domain.tenants import DEFAULT_TENANT
from edge.http.block import MAX_PASSES
from edge.http.forwarded import TrustedProxies
from edge.limits.decision import Decision
from edge.limits.policy import LimitSet
from edge.routing import Router, Timeouts
from tests.edge.plane import OK, Served, admitted, answering, plane, request, route, upstream
from tests.edge.spoofs import spoofs

BATCH = 45


async def test_no_spoof_of_an_identity_reaches_the_upstream() -> None:
    read = ("xtenantid", "x-request-id")  # a second one, or another spelling of the first, refuses the request
    names = [name.decode() for name in spoofs()]
    dropped = [name for name in names if name.lower() not in read and re.sub("[^a-z]", "", name.lower()) not in read]
    batches = [dropped[start : start + BATCH] for start in range(0, len(dropped), BATCH)]
    async with upstream(answering(OK)) as behind, plane([route(behind.port)]) as edge:
        for some in batches:
            twice = [f"{name}: spoof!" for name in (*some, *some)]
            assert (await edge.get("/api/x", "X-TENANT-id: spoof!", "x-request-ID: spoof!", *twice)).status == 200
        assert len(behind.heads) == len(batches)
        assert b"spoof" not in b"".join(behind.heads)


@pytest.mark.parametrize(
    ("trailers", "status"),
    [
        pytest.param(b"X-Sum: spoof!\r\n", 200, id="a harmless one is discarded"),
        pytest.param(b"X-User-ID: spoof!\r\nX_User_Role: spoof!\r\n", 400, id="identity is refused"),
    ],
)
async def test_no_trailer_reaches_the_upstream(trailers: bytes, status: int) -> None:
    received: list[bytes] = []

    async def read_all(served: Served) -> None:
        received.append(await served.head())
        received.append(await served.reader.read(100))
        await served.send(OK)

    async with upstream(read_all) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        head = b"POST /api/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-User-ID\r\n\r\n"
        await client.send(head + b"1\r\na\r\n0\r\n" + trailers + b"\r\n")
        assert (await client.answer()).status == status
        assert b"spoof" not in b"".join(received)
        assert b"Trailer" not in b"".join(received)


@pytest.mark.parametrize("name", ["X_Tenant_ID", "x~tenant-id", "X-Tenant!ID"])
async def test_another_spelling_of_the_tenant_is_refused(name: str) -> None:
    async with upstream(answering(OK)) as behind, plane([route(behind.port)]) as edge:
        assert (await edge.get("/api/x", f"{name}: x")).code == "BAD_REQUEST"
        assert behind.heads == []


@pytest.mark.parametrize("name", ["X-User-ID", "x_user_id", "X~User~Role", "X-Forwarded-For", "x.real.ip", "Via"])
async def test_connection_takes_nothing_of_ours_away(name: str) -> None:
    async with upstream(answering(OK)) as behind, plane([route(behind.port)]) as edge:
        assert (await edge.get("/api/x", f"Connection: close, {name}")).code == "BAD_REQUEST"
        assert behind.heads == []


TRUSTING = TrustedProxies((ip_network("127.0.0.0/8"),))
CHAIN = (
    "X-Forwarded-For: 8.8.8.8, 203.0.113.9",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: shop.test",
    "Forwarded: for=6.6.6.6",
)


def lines(head: bytes, *names: str) -> list[str]:
    """The lines of these fields in the order of the head."""
    return [line for line in head.decode().split("\r\n") if line.partition(":")[0].lower() in names]


def counting(keys: list[bytes]) -> Callable[[LimitSet], Decision]:
    """Lets everything pass and notes whose counter it was."""

    def decide(limits: LimitSet) -> Decision:
        keys.append(limits.key)
        return admitted(limits)

    return decide


async def test_a_chain_of_an_untrusted_peer_is_not_believed() -> None:
    limited: list[bytes] = []
    async with upstream(answering(OK)) as behind, plane([route(behind.port)]) as edge:
        edge.decide = counting(limited)
        assert (await edge.get("/api/x", *CHAIN)).status == 200
        assert lines(behind.heads[0], "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded") == [
            "X-Forwarded-For: 127.0.0.1",
            "X-Forwarded-Proto: http",
            "X-Forwarded-Host: localhost",
            'Forwarded: for=127.0.0.1;host="localhost";proto=http',
        ]
        assert (await edge.visit()).client_address == "127.0.0.1"
        assert limited[0].endswith(b":127.0.0.1")


async def test_a_chain_of_a_trusted_peer_names_the_client() -> None:
    limited: list[bytes] = []
    async with upstream(answering(OK)) as behind, plane([route(behind.port)], proxies=TRUSTING) as edge:
        edge.decide = counting(limited)
        assert (await edge.get("/api/x", *CHAIN)).status == 200
        assert lines(
            behind.heads[0], "host", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded"
        ) == [
            "Host: localhost",
            "X-Forwarded-For: 203.0.113.9, 127.0.0.1",
            "X-Forwarded-Proto: https",
            "X-Forwarded-Host: shop.test",
            'Forwarded: for=203.0.113.9;host="shop.test";proto=https, for=127.0.0.1',
        ]
        assert (await edge.visit()).client_address == "203.0.113.9"
        assert limited[0].endswith(b":203.0.113.9")


async def test_each_request_of_a_proxys_connection_has_its_own_client() -> None:
    async with upstream(answering(OK)) as behind, plane([route(behind.port)], proxies=TRUSTING) as edge:
        client = await edge.connect()
        addresses = ["203.0.113.1", "203.0.113.2", "203.0.113.2", "203.0.113.1"]
        for address in addresses:
            await client.send(request("/api/x", f"X-Forwarded-For: {address}"))
            assert (await client.answer()).status == 200
        told = [line for head in behind.heads for line in lines(head, "x-forwarded-for")]
        assert told == [f"X-Forwarded-For: {address}, 127.0.0.1" for address in addresses]
        assert [visit.client_address for visit in edge.visits] == addresses


@pytest.mark.parametrize(
    ("proxies", "host", "status"),
    [
        pytest.param(TRUSTING, "shop.test", 200, id="a proxy's word for the host"),
        pytest.param(TRUSTING, "SHOP.test.:8443", 200, id="in another spelling"),
        pytest.param(TRUSTING, "other.test", 404, id="another host"),
        pytest.param(TRUSTING, "not a host", 400, id="no host"),
        pytest.param(TrustedProxies(), "shop.test", 404, id="a stranger's word for it"),
    ],
)
async def test_the_host_that_a_trusted_proxy_names_decides(proxies: TrustedProxies, host: str, status: int) -> None:
    async with upstream(answering(OK)) as behind:
        only = route(behind.port, hosts=("shop.test",))
        async with plane([only], proxies=proxies) as edge:
            assert (await edge.get("/api/x", f"X-Forwarded-Host: {host}")).status == status
            assert len(behind.heads) == (status == 200)


async def test_a_route_cannot_be_opened_by_a_word_about_the_way() -> None:
    async with upstream(answering(OK)) as behind:
        secure = route(behind.port, headers=((b"x-forwarded-proto", b"https"),))
        async with plane([secure]) as edge:
            assert (await edge.get("/api/x", "X-Forwarded-Proto: https")).status == 404


TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"


async def test_a_clients_trace_goes_on_as_it_came() -> None:
    async with upstream(answering(OK)) as behind, plane([route(behind.port)]) as edge:
        await edge.get("/api/x", f"TraceParent: {TRACE}", "tracestate: a=1", "Tracestate: b=2")
        assert lines(behind.heads[0], "traceparent", "tracestate") == [
            f"traceparent: {TRACE}",
            "tracestate: a=1, b=2",
        ]
        assert (await edge.visit()).trace_id.hex() == TRACE[3:35]


@pytest.mark.parametrize("sent", [[], ["traceparent: 00-x"], [f"traceparent: {TRACE}"] * 2], ids=["none", "bad", "two"])
async def test_else_a_trace_starts_at_the_edge(sent: list[str]) -> None:
    async with upstream(answering(OK)) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        for _ in range(2):
            await client.send(request("/api/x", *sent, "tracestate: a=1"))
            assert (await client.answer()).status == 200
        told = [lines(head, "traceparent", "tracestate") for head in behind.heads]
        assert told == [[f"traceparent: 00-{visit.id.hex()}-{visit.id.hex()[16:]}-01"] for visit in edge.visits]
        assert [visit.trace_id for visit in edge.visits] == [visit.id for visit in edge.visits]
        assert len({visit.trace_id for visit in edge.visits}) == 2


async def test_a_request_that_goes_in_a_circle_ends() -> None:
    """Its target is the edge itself."""
    async with plane([]) as edge:
        view = edge.snapshot.tenants[DEFAULT_TENANT]
        rules = replace(view.rules, router=Router([route(edge.port)]))
        edge.snapshot = replace(edge.snapshot, tenants={DEFAULT_TENANT: replace(view, rules=rules)})
        answer = await edge.get("/api/x")
        assert (answer.status, b"goes in a circle" in answer.body) == (400, True)
        assert len(edge.visits) == MAX_PASSES + 1


@pytest.mark.parametrize(
    ("proxies", "sent", "told"),
    [
        pytest.param(TRUSTING, [], "2000", id="the route's"),
        pytest.param(TRUSTING, ["X-Request-Timeout: 60000"], "2000", id="a proxy cannot make it longer"),
        pytest.param(TRUSTING, ["X-Request-Timeout: soon"], "2000", id="a proxy that does not say a number"),
        pytest.param(TrustedProxies(), ["X-Request-Timeout: 1"], "2000", id="a stranger's word"),
        pytest.param(TrustedProxies(), ["X_Request_Timeout: 1"], "2000", id="in another spelling"),
    ],
)
async def test_the_upstream_is_told_how_long_it_has(proxies: TrustedProxies, sent: list[str], told: str) -> None:
    bounds = Timeouts(1, 2, 3)
    async with upstream(answering(OK)) as behind, plane([route(behind.port, timeouts=bounds)], proxies=proxies) as edge:
        assert (await edge.get("/api/x", *sent)).status == 200
        assert lines(behind.heads[0], "x-request-timeout", "x_request_timeout") == [f"X-Request-Timeout: {told}"]


async def test_a_trusted_proxy_can_make_it_shorter() -> None:
    """What the request has taken so far is gone from it."""

    async def silent(served: Served) -> None:
        await served.head()
        await served.reader.read()

    async with upstream(silent) as behind, plane([route(behind.port)], proxies=TRUSTING) as edge:
        answer = await edge.get("/api/x", "X-Request-Timeout: 300")
        assert (answer.status, answer.code) == (504, "DOWNSTREAM_TIMEOUT")
        (line,) = lines(behind.heads[0], "x-request-timeout")
        assert 0 < int(line.partition(": ")[2]) < 300
