"""What gateways that ask by HTTP are answered: what authsvc judges, in the form that they take."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from ipaddress import ip_network

import pytest
from penstock.envoy.v3 import authorization_pb2 as pb
from penstock.errors.v1 import error_reason_pb2 as reasons

from domain.identity_fields import IDENTITY, fold
from edge.admin.forward_auth import may_ask, question
from edge.http.forwarded import TrustedProxies
from svckit.errors import Fault
from tests.authsvc.authorization.places import ACME, key
from tests.edge.admin.conftest import World, open_world
from tests.edge.spoofs import spoofs
from tests.support.services import ServiceHost

ASKED = {"X-Forwarded-Method": "GET", "X-Forwarded-Host": "envoy", "X-Forwarded-Uri": "/things?q=1"}
KEY = {"X-API-Key": key().decode()}


@pytest.fixture
async def judging(service_host: ServiceHost) -> AsyncIterator[World]:
    """The management process with leave for gateways on this machine."""
    async with AsyncExitStack() as stack:
        yield await open_world(stack, service_host, forward_auth="127.0.0.0/8")


async def test_what_goes_on_is_told_with_the_fields_to_set(judging: World) -> None:
    answer = await judging.ask("GET", "/forward-auth", None, headers={**ASKED, **KEY, "X-Request-ID": "r-1"})
    assert (answer.status_code, answer.content) == (200, b"")
    told = answer.headers
    assert (told["X-Tenant-ID"], told["X-User-ID"], told["X-User-Type"]) == (ACME, "c-1", "consumer")
    assert told.get_list("X-Request-ID") == ["r-1"]
    assert key().decode() not in str(told)


async def test_a_refusal_is_the_answer_for_the_client(judging: World) -> None:
    answer = await judging.ask("GET", "/forward-auth", None, headers=ASKED)
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["instance"]) == (401, "TOKEN_MISSING", "/things")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="penstock", ApiKey realm="penstock"'
    assert answer.headers.get_list("X-Request-ID") == [problem["request_id"]]


@pytest.mark.parametrize(
    ("query", "fields", "status", "code"),
    [
        pytest.param("?auth=optional", {}, 200, None, id="nobody is needed"),
        pytest.param("?tenant=bolt", KEY, 401, "KEY_INVALID", id="another tenant's place"),
        pytest.param("?scopes=read", KEY, 403, "SCOPE_REQUIRED", id="a scope is missing"),
        pytest.param("?tier=high", KEY, 403, "TIER_REQUIRED", id="a tier is missing"),
        pytest.param("?tenant=acme", {**KEY, "X-Tenant-ID": "x"}, 400, "BAD_REQUEST", id="what is no tenant"),
        pytest.param("?scope=read", KEY, 500, "INTERNAL", id="an unknown key"),
        pytest.param("?auth=none&auth=none", KEY, 500, "INTERNAL", id="a key said twice"),
    ],
)
async def test_the_query_says_what_the_place_asks_for(
    judging: World, query: str, fields: Mapping[str, str], status: int, code: str | None
) -> None:
    answer = await judging.ask("GET", f"/forward-auth{query}", None, headers={**ASKED, **fields})
    assert answer.status_code == status
    assert (answer.json()["code"] if code else None) == code


IMITATIONS = [name.decode() for name in spoofs() if name.lower() != fold(name)]


@pytest.mark.parametrize("name", IMITATIONS[:: len(IMITATIONS) // 40])
async def test_a_field_that_only_looks_like_ours_is_refused(judging: World, name: str) -> None:
    answer = await judging.ask("GET", "/forward-auth", None, headers={**ASKED, **KEY, name: "spoofed"})
    assert (answer.status_code, answer.json()["code"]) == (400, "BAD_REQUEST")


async def test_what_a_client_says_under_our_names_is_not_told(judging: World) -> None:
    spoofed = {name.decode(): "spoofed" for name in IDENTITY - {b"x-tenant-id", b"x-request-id"}}
    answer = await judging.ask("GET", "/forward-auth", None, headers={**ASKED, **KEY, **spoofed})
    assert answer.status_code == 200
    assert "spoofed" not in str(answer.headers)


async def test_a_refusal_is_told_again_and_never_as_a_success(judging: World) -> None:
    refused = await judging.ask("GET", "/forward-auth/refusal?tenant=bolt", None, headers={**ASKED, **KEY})
    assert (refused.status_code, refused.json()["code"]) == (401, "KEY_INVALID")
    passing = await judging.ask("GET", "/forward-auth/refusal", None, headers={**ASKED, **KEY})
    assert (passing.status_code, passing.json()["code"]) == (503, "AUTH_UNAVAILABLE")


async def test_a_failure_of_ours_is_no_refusal(judging: World) -> None:
    judging.fakes.proving.failure = ConnectionRefusedError()
    answer = await judging.ask("GET", "/forward-auth", None, headers={**ASKED, **KEY})
    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (503, "AUTH_UNAVAILABLE", "1")


async def test_without_authsvc_nothing_is_judged(service_host: ServiceHost) -> None:
    async with AsyncExitStack() as stack:
        world = await open_world(stack, service_host, forward_auth="127.0.0.0/8", away=frozenset({"authsvc"}))
        answer = await world.ask("GET", "/forward-auth", None, headers={**ASKED, **KEY})
        assert (answer.status_code, answer.json()["code"]) == (503, "AUTH_UNAVAILABLE")


@pytest.mark.parametrize("network", ["", "10.0.0.0/8"])
@pytest.mark.parametrize("path", ["/forward-auth", "/forward-auth/refusal"])
async def test_nobody_asks_but_gateways_of_the_named_networks(
    service_host: ServiceHost, network: str, path: str
) -> None:
    async with AsyncExitStack() as stack:
        world = await open_world(stack, service_host, forward_auth=network)
        answer = await world.ask("GET", path, None, headers={**ASKED, **KEY})
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
        assert world.fakes.proving.asked == []


@pytest.mark.parametrize(
    ("peer", "networks", "may"),
    [
        ("127.0.0.1", ["127.0.0.0/8"], True),
        ("::ffff:127.0.0.1", ["127.0.0.0/8"], True),
        ("fe80::1%eth0", ["fe80::/10"], True),
        ("10.0.0.1", ["127.0.0.0/8"], False),
        ("nonsense", ["0.0.0.0/0"], False),
        (None, ["127.0.0.0/8"], True),
        (None, [], False),
        ("127.0.0.1", [], False),
    ],
)
def test_who_may_ask(peer: str | None, networks: list[str], may: bool) -> None:
    assert may_ask(peer, TrustedProxies(tuple(map(ip_network, networks)))) is may


SAID = [(b"x-forwarded-method", b"POST"), (b"X-Forwarded-Host", b"a.test"), (b"x-forwarded-uri", b"/a?b")]


def test_a_question_says_what_the_gateway_was_asked_for() -> None:
    asked = question([*SAID, (b"x-odd", b"\xff")], [("tenant", "acme"), ("auth", "none")])
    http = asked.attributes.request.http
    assert (http.method, http.host, http.path) == (b"POST", b"a.test", b"/a?b")
    assert dict(asked.attributes.context_extensions) == {"tenant": "acme", "auth": "none"}
    assert http.header_map.headers[-1] == pb.AttributeContext.Header(key="x-odd", raw_value=b"\xff")


@pytest.mark.parametrize(
    ("fields", "query", "named"),
    [
        (SAID[1:], [], ["X-Forwarded-Method"]),
        ([(b"x-forwarded-method", b""), *SAID[1:]], [], ["X-Forwarded-Method"]),
        ([*SAID, SAID[0]], [], ["X-Forwarded-Method"]),
        (SAID[:1], [], ["X-Forwarded-Host"]),
        ([*SAID, SAID[1]], [("tenant", "acme")], ["X-Forwarded-Host"]),
        (SAID, [("auth", "none"), ("auth", "required")], ["query"]),
        ([], [], ["X-Forwarded-Method", "X-Forwarded-Host"]),
    ],
)
def test_what_the_gateway_does_not_say_is_named(
    fields: list[tuple[bytes, bytes]], query: list[tuple[str, str]], named: list[str]
) -> None:
    with pytest.raises(Fault) as refused:
        question(fields, query)
    assert refused.value.reason == reasons.ERROR_REASON_BAD_REQUEST
    assert [each.path for each in refused.value.fields] == named


def test_the_host_is_not_needed_where_the_tenant_is_named() -> None:
    assert question(SAID[:1], [("tenant", "acme")]).attributes.request.http.host == b""
