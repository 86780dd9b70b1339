"""The data plane over real sockets: what goes through, what is refused, and that nothing is left hanging."""

import asyncio
from ipaddress import ip_network

import orjson
import pytest
from penstock.errors.v1 import error_reason_pb2 as reasons

from domain import api_keys
from domain.tenants import DEFAULT_TENANT
from edge.client import ClientLimits, HeadLimits
from edge.http.forwarded import ProxyHeaders, TrustedProxies
from edge.limits.decision import Decision
from edge.limits.limiter import LimitUnavailable
from edge.limits.policy import LimitSet
from edge.limits.rules import RouteLimitRules, Unlimited
from edge.principal import Principal, PrincipalKind
from edge.routing import Auth, CorsRules
from edge.snapshot import GatewaySnapshot
from tests.edge.plane import DEADLINE, OK, Served, admitted, answering, plane, refused, request, route, upstream

KEY = "X-API-Key: psk_live_default0keykey00_" + "s" * 32 + "_000000"
CALLER = Principal(PrincipalKind.CONSUMER, "c-1", DEFAULT_TENANT, name="shop")


async def test_a_request_goes_through_and_its_answer_comes_back() -> None:
    octets = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\nX-From: upstream\r\nX-Request-ID: theirs\r\n\r\nok"
    async with upstream(answering(octets)) as behind, plane([route(behind.port)]) as edge:
        answer = await edge.get("/api/x?a=b", "X-Custom: 1", "X-User-ID: admin", "X-Request-ID: mine")
        assert (answer.status, answer.body) == (201, b"ok")
        assert answer.fields["x-from"] == "upstream"
        assert answer.fields["x-request-id"] == "mine"
        sent = behind.heads[0].decode().split("\r\n")
        assert sent[:2] == ["GET /api/x?a=b HTTP/1.1", "Host: localhost"]
        assert "X-Custom: 1" in sent
        assert "X-Forwarded-For: 127.0.0.1" in sent
        assert "X-Request-ID: mine" in sent
        assert not [line for line in sent if "admin" in line]
        visit = await edge.visit()
        assert (visit.status, visit.response_bytes, visit.upstream) == (201, 2, f"127.0.0.1:{behind.port}")


async def test_a_malformed_request_id_is_replaced() -> None:
    async with upstream(answering(OK)) as behind, plane([route(behind.port)]) as edge:
        answer = await edge.get("/api/x", "X-Request-ID: not valid!")
        assert len(answer.fields["x-request-id"]) == 36


async def test_connections_are_kept_on_both_sides() -> None:
    async with upstream(answering(OK)) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        for _ in range(3):
            await client.send(request())
            assert (await client.answer()).status == 200
        client.close()
        assert behind.connections == 1


async def test_pipelined_requests_are_answered_in_order_and_bounded() -> None:
    async with upstream(answering(OK)) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        await client.send(b"".join(request(f"/api/{n}", f"X-Request-ID: r{n}") for n in range(40)))
        answers = [await client.answer() for _ in range(16)]
        assert [answer.fields["x-request-id"] for answer in answers] == [f"r{n}" for n in range(16)]
        assert answers[-1].fields["connection"] == "close"
        assert await client.ended() == b""


async def test_a_chunked_body_goes_up_as_it_comes() -> None:
    async def echo(served: Served) -> None:
        await served.head()
        first = await served.reader.readexactly(len(b"5\r\nhello\r\n"))
        await served.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + first)
        await served.send(await served.reader.readexactly(len(b"5\r\nworld\r\n0\r\n\r\n")))

    async with upstream(echo) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        await client.send(b"POST /api/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        status, fields = await client.head()
        assert (status, fields["transfer-encoding"]) == (200, "chunked")
        # the answer has begun while half of the request is still to come
        await client.send(b"5\r\nworld\r\n0\r\nX-Sum: 1\r\n\r\n")
        async with asyncio.timeout(DEADLINE):
            assert await client.reader.readexactly(25) == b"5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n"


async def test_a_large_body_goes_both_ways_whole() -> None:
    size = 3 * 1024 * 1024

    async def echo(served: Served) -> None:
        await served.head()
        await served.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // 65536):
            await served.send(await served.reader.readexactly(65536))

    async with upstream(echo) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        body = bytes(range(256)) * (size // 256)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(client.send(request("/api/x", method="POST", body=body)))
            answer = await client.answer()
        assert answer.body == body


async def test_an_answer_that_ends_with_its_connection_is_chunked_for_the_client() -> None:
    async def until_close(served: Served) -> None:
        await served.head()
        await served.send(b"HTTP/1.1 200 OK\r\n\r\nall of it")

    async with upstream(until_close) as behind, plane([route(behind.port)]) as edge:
        answer = await edge.get()
        assert (answer.fields["transfer-encoding"], answer.body) == ("chunked", b"all of it")


async def test_head_has_the_length_but_no_body_and_leaves_the_connection_clean() -> None:
    octets = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"
    async with upstream(answering(octets)) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        for _ in range(2):
            await client.send(request(method="HEAD"))
            answer = await client.answer(head_only=True)
            assert answer.fields["content-length"] == "500"
        assert behind.connections == 1


async def test_expectations_are_answered_after_admission() -> None:
    async def reading(served: Served) -> None:
        await served.head()
        assert await served.reader.readexactly(4) == b"body"
        await served.send(OK)

    async with upstream(reading) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        await client.send(b"POST /api/x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        assert (await client.head())[0] == 100
        await client.send(b"body")
        assert (await client.answer()).status == 200
        assert b"expect" not in behind.heads[0].lower()


# -- refusals ------------------------------------------------------------------------------------------------------


async def test_no_credential_where_one_is_needed_leaves_the_upstream_untouched() -> None:
    async with upstream(answering(OK)) as behind, plane([route(behind.port, auth=Auth.REQUIRED)]) as edge:
        answer = await edge.get()
        assert (answer.status, answer.code) == (401, "TOKEN_MISSING")
        assert "www-authenticate" in answer.fields
        assert behind.connections == 0


async def test_an_invalid_credential_is_never_taken_for_none() -> None:
    async with upstream(answering(OK)) as behind, plane([route(behind.port, auth=Auth.OPTIONAL)]) as edge:
        assert (await edge.get()).status == 200
        assert (await edge.get("/api/x", KEY)).code == "KEY_INVALID"
        assert (await edge.get("/api/x", "Authorization: Basic YTpi")).code == "TOKEN_INVALID"
        assert (await edge.get("/api/x", KEY, "Authorization: Bearer x")).code == "CREDENTIALS_CONFLICT"


async def test_a_refused_limit_says_when_to_come_back() -> None:
    async with upstream(answering(OK)) as behind, plane([route(behind.port)]) as edge:
        edge.decide = refused
        answer = await edge.get()
        assert (answer.status, answer.code) == (429, "RATE_LIMITED")
        assert answer.fields["retry-after"] == "2"
        assert behind.connections == 0


async def test_an_address_that_has_failed_too_often_is_refused_before_anybody_is_asked() -> None:
    async with upstream(answering(OK)) as behind, plane([route(behind.port, auth=Auth.REQUIRED)]) as edge:
        edge.decide_failures = lambda limits, _cost: refused(limits)
        answer = await edge.get("/api/x", KEY)
        assert (answer.status, answer.code) == (429, "RATE_LIMITED")
        assert answer.fields["retry-after"] == "2"
        assert answer.fields["ratelimit"] == '"failed_authentication";r=0;t=2'
        assert orjson.loads(answer.body)["violated-policies"] == ["failed_authentication"]
        assert edge.looked_up == []
        assert (await edge.get()).code == "TOKEN_MISSING"  # who shows nothing has not failed


@pytest.mark.parametrize("critical", [False, True])
async def test_a_credential_that_has_proved_somebody_never_meets_that_budget(critical: bool) -> None:
    async with (
        upstream(answering(OK)) as behind,
        plane([route(behind.port, auth=Auth.REQUIRED, critical=critical)]) as edge,
    ):
        credential = KEY.partition(": ")[2].encode()
        edge.known[credential] = edge.credentials[credential] = CALLER
        edge.decide_failures = lambda limits, _cost: refused(limits)
        client = await edge.connect()
        for _ in range(4):  # the last ones go the short way
            await client.send(request("/api/x", KEY))
            assert (await client.answer()).status == 200
        assert len(edge.looked_up) == (4 if critical else 0)


async def test_where_shared_limits_are_insisted_on_a_failure_that_cannot_be_counted_is_not_risked() -> None:
    def away(_limits: LimitSet, _cost: int) -> Decision:
        raise LimitUnavailable("silence")

    async with upstream(answering(OK)) as behind, plane([route(behind.port, auth=Auth.REQUIRED)]) as edge:
        edge.decide_failures = away
        answer = await edge.get("/api/x", KEY)
        assert (answer.status, answer.code, edge.looked_up) == (503, "LIMIT_UNAVAILABLE", [])


async def test_callers_are_counted_by_principal_or_by_address_and_never_by_both() -> None:
    keys: list[bytes] = []

    def noted(limits: LimitSet) -> Decision:
        keys.append(limits.key.partition(b":")[2])
        return admitted(limits)

    proxies = TrustedProxies((ip_network("127.0.0.0/8"),), ProxyHeaders.X_FORWARDED)
    async with (
        upstream(answering(OK)) as behind,
        plane([route(behind.port, auth=Auth.OPTIONAL)], proxies=proxies) as edge,
    ):
        edge.decide = noted
        edge.known[KEY.partition(": ")[2].encode()] = CALLER
        addresses = ("192.0.2.1", "192.0.2.2", "2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1")
        for lines in ((), (KEY,)):
            for address in addresses:
                assert (await edge.get("/api/x", *lines, f"X-Forwarded-For: {address}")).status == 200
    networks = ("192.0.2.1", "192.0.2.2", "2001:db8:1:2::/64", "2001:db8:1:2::/64", "2001:db8:1:3::/64")
    assert keys == [*(b"d:a:%b" % each.encode() for each in networks), *[b"d:c:c-1"] * len(addresses)]


async def test_an_unlimited_request_is_not_counted_and_says_nothing_of_limits() -> None:
    unlimited = RouteLimitRules(anonymous=Unlimited.UNLIMITED)
    async with upstream(answering(OK)) as behind, plane([route(behind.port, limit=unlimited)]) as edge:
        edge.decide = refused
        answer = await edge.get()
        assert answer.status == 200
        assert not [name for name in answer.fields if "ratelimit" in name]


async def test_paths_and_methods_without_a_route() -> None:
    only_get = route(1, methods=frozenset({"GET"}))
    async with plane([only_get]) as edge:
        assert (await edge.get("/elsewhere")).code == "ROUTE_NOT_FOUND"
        assert (await edge.get("/apis")).code == "ROUTE_NOT_FOUND"
        answer = await edge.get(method="DELETE")
        assert (answer.code, answer.fields["allow"]) == ("METHOD_NOT_ALLOWED", "GET")
        assert (await edge.get("/api/%2e%2e/x")).code == "AMBIGUOUS_PATH"
        assert (await edge.get("/api/a%2fb")).code == "AMBIGUOUS_PATH"


async def test_bodies_beyond_the_routes_limit_are_refused() -> None:
    async def swallow(served: Served) -> None:
        await served.head()
        await served.reader.read()

    async with upstream(swallow) as behind, plane([route(behind.port, max_body_bytes=10)]) as edge:
        assert (await edge.get(method="POST", body=b"x" * 11)).code == "BODY_TOO_LARGE"
        assert behind.connections == 0
        client = await edge.connect()
        chunked = b"POST /api/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n" + b"x" * 11 + b"\r\n"
        await client.send(chunked)
        assert (await client.answer()).code == "BODY_TOO_LARGE"
        assert await client.ended() == b""


CONTRADICTIONS = {
    "answers with length and coding": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "answers with two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "switches protocols unasked": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
}


@pytest.mark.parametrize("fault", CONTRADICTIONS)
async def test_an_upstream_that(fault: str) -> None:
    async with upstream(answering(CONTRADICTIONS[fault], times=1)) as behind, plane([route(behind.port)]) as edge:
        answer = await edge.get()
        assert (answer.status, answer.code) == (502, "DOWNSTREAM_INVALID")


async def test_a_stray_answer_is_never_given_to_the_next_request() -> None:
    poison = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
    async with upstream(answering(OK + poison)) as behind, plane([route(behind.port)]) as edge:
        for _ in range(3):
            assert (await edge.get()).body != b"poison"


async def test_an_idle_connection_that_turned_out_closed_is_replaced() -> None:
    async with upstream(answering(OK, times=1)) as behind, plane([route(behind.port)]) as edge:
        for _ in range(4):
            assert (await edge.get()).status == 200


async def test_a_request_that_changes_things_is_never_sent_twice() -> None:
    async def closing(served: Served) -> None:
        await served.head()
        await served.send(OK)
        await served.head()  # takes the second request and closes without an answer

    async with upstream(closing) as behind, plane([route(behind.port)]) as edge:
        assert (await edge.get(method="POST")).status == 200
        assert (await edge.get(method="POST")).code == "DOWNSTREAM_RESET"
        assert len(behind.heads) == 2


# -- hostile and slow clients --------------------------------------------------------------------------------------

NOT_HTTP = "not valid HTTP/1.1"
NOT_A_LINE = "request line is not a method, a target and HTTP/1.1 or 1.0"
MALFORMED = {
    "not HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", NOT_A_LINE),
    "both framings": (
        b"POST /api HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        NOT_HTTP,
    ),
    "space before the colon": (b"GET /api HTTP/1.1\r\nHost : a\r\n\r\n", NOT_HTTP),
    "folded field": (b"GET /api HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n", NOT_HTTP),
    "bare line feeds": (b"GET /api HTTP/1.1\nHost: a\n\n", NOT_A_LINE),
    "NUL in a value": (b"GET /api HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n", NOT_HTTP),
    "bad chunk size": (
        b"POST /api HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
        "the request's body is not framed as HTTP/1.1",
    ),
    "no host": (b"GET /api HTTP/1.1\r\n\r\n", "Host is missing"),
    "HTTP/0.9": (b"GET /api\r\n\r\n", NOT_A_LINE),
}


@pytest.mark.parametrize("case", MALFORMED)
async def test_malformed_requests_are_refused_and_the_connection_closed(case: str) -> None:
    async def swallow(served: Served) -> None:
        await served.head()
        await served.reader.read()

    octets, detail = MALFORMED[case]
    async with upstream(swallow) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        await client.send(octets)
        answer = await client.answer()
        assert (answer.status, answer.code) == (400, "BAD_REQUEST")
        assert orjson.loads(answer.body)["detail"] == detail
        assert await client.ended() == b""


async def test_an_ignored_upgrade_smuggles_nothing() -> None:
    async with upstream(answering(OK)) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        upgrade = b"GET /api/x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
        await client.send(upgrade + request("/api/smuggled"))
        answer = await client.answer()
        assert (answer.status, answer.fields["connection"]) == (200, "close")
        assert await client.ended() == b""
        with_body = upgrade.replace(b"GET", b"POST").replace(b"\r\n\r\n", b"\r\nContent-Length: 40\r\n\r\n")
        client = await edge.connect()
        await client.send(with_body)
        assert (await client.answer()).status == 400
        assert [head.split(b" ")[1] for head in behind.heads] == [b"/api/x"]


async def test_a_long_head_is_refused_before_it_is_complete() -> None:
    limits = ClientLimits(head=HeadLimits(line_bytes=100, fields_bytes=200))
    async with plane([], limits=limits) as edge:
        client = await edge.connect()
        await client.send(b"GET /" + b"a" * 400)
        assert (await client.answer()).status == 414
        client = await edge.connect()
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: 1\r\n" * 80)
        assert (await client.answer()).status == 431


async def test_a_head_that_does_not_arrive_in_time_is_told_408() -> None:
    async with plane([], limits=ClientLimits(head_seconds=0.2)) as edge:
        client = await edge.connect()
        await client.send(b"GET / HTTP/1.1\r\nHo")
        answer = await client.answer()
        assert (answer.status, answer.code) == (408, "REQUEST_TIMEOUT")
        assert await client.ended() == b""


async def test_silent_connections_are_closed() -> None:
    async with upstream(answering(OK)) as behind:
        limits = ClientLimits(head_seconds=0.2, idle_seconds=0.2)
        async with plane([route(behind.port)], limits=limits) as edge:
            assert await (await edge.connect()).ended() == b""
            used = await edge.connect()
            await used.send(request())
            assert (await used.answer()).status == 200
            assert await used.ended() == b""


async def test_a_client_that_goes_away_takes_its_upstream_request_with_it() -> None:
    async def endless(served: Served) -> None:
        await served.head()
        await served.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await served.send(b"1\r\nx\r\n")
            await asyncio.sleep(0)

    async with upstream(endless) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        await client.send(request())
        await client.head()
        client.close()
        async with asyncio.timeout(DEADLINE):
            await behind.gone.wait()
        assert (await edge.visit()).status == 200


async def test_a_client_that_does_not_read_stops_the_upstream() -> None:
    sent = 0
    blocked = asyncio.Event()

    async def flood(served: Served) -> None:
        nonlocal sent
        await served.head()
        await served.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            served.writer.write(b"x" * 65536)
            try:
                async with asyncio.timeout(1.0):
                    await served.writer.drain()
            except TimeoutError:
                blocked.set()
                return
            sent += 65536

    async with upstream(flood) as behind, plane([route(behind.port)]) as edge:
        client = await edge.connect()
        await client.send(request())
        async with asyncio.timeout(DEADLINE):
            await blocked.wait()
        assert sent < 64 * 1024 * 1024  # the buffers of four sockets and two transports, not the answer
        client.close()


# -- what the edge answers itself ----------------------------------------------------------------------------------


async def test_the_edge_answers_its_own_endpoints_before_any_route() -> None:
    async with plane([route(1, prefix="/")]) as edge:
        assert (await edge.get("/livez")).body == b'{"status":"ok"}'
        assert (await edge.get("/readyz")).status == 200
        wrong = await edge.get("/livez", method="POST", body=b"{}")
        assert (wrong.status, wrong.code) == (405, "METHOD_NOT_ALLOWED")
        asked = await edge.get("/livez", method="HEAD")
        assert (asked.status, asked.fields["content-length"]) == (200, "15")
        client = await edge.connect()
        for _ in range(2):
            await client.send(request("/livez"))
            assert (await client.answer()).status == 200
        login = await edge.get("/api/v1/auth/login", method="POST", body=b"{}")
        assert (login.status, login.code) == (501, "UNIMPLEMENTED")
        assert (await edge.get("/livez", method="POST", body=b"x" * 70_000)).code == "BODY_TOO_LARGE"


ASKS = "Origin: https://app.example.com", "Access-Control-Request-Method: PUT"


async def test_preflights_are_answered_and_refusals_are_readable_by_scripts() -> None:
    cors = CorsRules(frozenset({"https://app.example.com"}), credentials=True, headers=("authorization",))
    async with plane([route(1, auth=Auth.REQUIRED)], cors=cors) as edge:
        origin = "Origin: https://app.example.com"
        asked = ("Access-Control-Request-Method: GET", "Access-Control-Request-Headers: authorization")
        preflight = await edge.get("/api/x", origin, *asked, method="OPTIONS")
        assert preflight.status == 204
        assert preflight.fields["access-control-allow-origin"] == "https://app.example.com"
        assert preflight.fields["access-control-allow-headers"] == "authorization"
        missing = await edge.get("/api/x", origin)
        assert missing.code == "TOKEN_MISSING"
        assert "RateLimit" in missing.fields["access-control-expose-headers"]
        foreign = await edge.get("/api/x", "Origin: https://evil.com")
        assert "access-control-allow-origin" not in foreign.fields


async def test_a_route_has_cross_origin_rules_of_its_own_and_other_paths_those_of_the_document() -> None:
    document = CorsRules(frozenset({"https://other.test"}))
    own = CorsRules(frozenset({"https://app.example.com"}), methods=("PUT",))
    async with plane([route(1, prefix="/own", cors=own), route(1, prefix="/api")], cors=document) as edge:
        for path, origin in (
            ("/own/x", ASKS[0]),
            ("/api/x", "Origin: https://other.test"),
            ("/no", "Origin: https://other.test"),
        ):
            allowed = (await edge.get(path, origin)).fields["access-control-allow-origin"]
            assert origin.endswith(allowed)
        assert "access-control-allow-methods" in (await edge.get("/own/x", *ASKS, method="OPTIONS")).fields
        assert "access-control-allow-methods" not in (await edge.get("/api/x", *ASKS, method="OPTIONS")).fields


async def test_a_preflight_is_answered_before_authentication_and_limits() -> None:
    own = CorsRules(frozenset({"https://app.example.com"}), methods=("PUT",))
    async with plane([route(1, auth=Auth.REQUIRED, methods=frozenset({"PUT"}), cors=own)]) as edge:
        edge.decide = refused
        answer = await edge.get("/api/x", *ASKS, method="OPTIONS")
        assert (answer.status, answer.fields["access-control-allow-methods"]) == (204, "PUT")
        assert "ratelimit" not in answer.fields
        assert edge.looked_up == []


async def test_a_preflight_is_told_nothing_of_private_networks() -> None:
    anybody = CorsRules(frozenset({"*"}), methods=("*",), headers=("*",))
    async with plane([route(1, cors=anybody)]) as edge:
        answer = await edge.get("/api/x", *ASKS, "Access-Control-Request-Private-Network: true", method="OPTIONS")
        assert answer.fields["access-control-allow-origin"] == "*"
        assert not any("private" in name for name in answer.fields)


async def test_options_goes_on_to_the_upstream_unless_it_is_a_preflight_that_the_edge_answers() -> None:
    own = CorsRules(frozenset({"https://app.example.com"}))
    async with upstream(answering(OK)) as behind:
        async with plane([route(behind.port, cors=own)]) as edge:
            assert (await edge.get("/api/x", ASKS[0], method="OPTIONS")).body == b"ok"
            assert (await edge.get("/api/x", *ASKS, method="OPTIONS")).status == 204
        async with plane([route(behind.port)]) as edge:
            assert (await edge.get("/api/x", *ASKS, method="OPTIONS")).body == b"ok"
        assert [head.partition(b" ")[0] for head in behind.heads] == [b"OPTIONS", b"OPTIONS"]


@pytest.mark.parametrize(
    "code", ["TOKEN_MISSING", "ROUTE_NOT_FOUND", "METHOD_NOT_ALLOWED", "RATE_LIMITED", "DOWNSTREAM_UNREACHABLE"]
)
async def test_every_refusal_of_ours_is_readable_by_a_page_of_an_allowed_origin(code: str) -> None:
    own = CorsRules(frozenset({"https://app.example.com"}), credentials=True)
    routes = [
        route(1, prefix="/key", auth=Auth.REQUIRED),
        route(1, prefix="/get", methods=frozenset({"GET"})),
        route(1, prefix="/away"),
    ]
    async with plane(routes, cors=own) as edge:
        if code == "RATE_LIMITED":
            edge.decide = refused
        path = {"TOKEN_MISSING": "/key", "ROUTE_NOT_FOUND": "/no", "METHOD_NOT_ALLOWED": "/get"}.get(code, "/away")
        answer = await edge.get(path, ASKS[0], method="POST", body=b"x")
        assert answer.code == code
        assert answer.fields["access-control-allow-origin"] == "https://app.example.com"
        assert answer.fields["access-control-allow-credentials"] == "true"
        assert answer.fields["vary"] == "Origin"
        exposed = answer.fields["access-control-expose-headers"].split(", ")
        assert {"Retry-After", "RateLimit", "RateLimit-Policy", "X-Request-ID"} <= {*exposed}


async def test_a_key_of_no_tenant_is_refused_readably_to_the_pages_that_default_lets_in() -> None:
    key = api_keys.compose(True, "Tenant01", "KeyKey01", bytes(32)).value.decode()
    async with plane([route(1)], cors=CorsRules(frozenset({"https://app.example.com"}))) as edge:
        answer = await edge.get("/api/x", ASKS[0], f"X-API-Key: {key}")
        assert answer.code == "KEY_INVALID"
        assert answer.fields["access-control-allow-origin"] == "https://app.example.com"


async def test_a_worker_without_config_is_not_ready_and_judges_no_key() -> None:
    key = api_keys.compose(True, "Tenant01", "KeyKey01", bytes(32)).value.decode()
    async with plane([]) as edge:
        edge.snapshot = GatewaySnapshot()
        for lines in ((), (f"X-API-Key: {key}",), ("X-API-Key: psk_live_nonsense",)):
            answer = await edge.get("/api/x", *lines)
            assert (answer.status, answer.code) == (503, "NOT_READY")


async def test_a_request_that_belongs_to_nobody_is_recorded_with_its_reason() -> None:
    async with plane([]) as edge:
        client = await edge.connect()
        await client.send(b"GET / HTTP/1.1\r\n\r\n")
        await client.answer()
        visit = await edge.visit()
        assert (visit.head, visit.code) == (None, "BAD_REQUEST")
        assert reasons.ErrorReason.Name(reasons.ERROR_REASON_BAD_REQUEST).endswith(visit.code)
