"""Which route takes a request, why no other does, and that an edge really does what is said."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from penstock.config.v1 import tenant_pb2

from domain.tenants import DEFAULT_TENANT
from edge.config.reasons import Refused
from edge.explain import MAX_LOSERS, CallerLimits, Explanation, Loss, Outcome, Question, explain, view_of
from edge.limits.policy import LimitPlan
from edge.limits.rules import LimitRules, Rate, RouteLimitRules, Unlimited
from edge.routing import Auth, CorsRules, Route, Router, Service, Target
from edge.snapshot import ReadOnly, Rules, Subscription, TenantStatus, TenantView
from tests.edge.config.documents import ACME, config
from tests.edge.plane import OK, answering, plane, upstream
from tests.edge.routes import crowded, fields, hosts, methods, paths, route, scattered

DOCUMENT = CorsRules(frozenset({"https://app.test"}))


def tenant(*routes: Route, **changes: Any) -> TenantView:
    rules = Rules(ACME, 7, Router(routes), cors=DOCUMENT)
    return replace(TenantView(ACME, "short000", "acme", TenantStatus.ACTIVE, rules), **changes)


def asked(view: TenantView, path: str, method: str = "GET", host: str = "", **given: str) -> Explanation:
    pairs = {name.replace("_", "-").encode(): value.encode() for name, value in given.items()}
    return explain(Question(method, host, path.encode(), pairs), view, now=1_000_000.0)


SHOP = (
    route("other", "/api/v1", hosts=("shop.test",)),
    route("far", "/about/us"),
    route("near", "/api/v2"),
    route("beta", "/api/v1", headers=((b"x-beta", b"1"), (b"x-eu", b"1"))),
    route("any-host", "/api/v1/carts"),
    route("short", "/api", hosts=("acme.test",)),
    route("posts", "/api/v1", hosts=("acme.test",), methods=frozenset({"POST"})),
    route("winner", "/api/v1", hosts=("*.test", "acme.test"), headers=((b"x-beta", b"1"),)),
    route("plain", "/api/v1", hosts=("acme.test",)),
    route("twice", "/api/v1", hosts=("acme.test",), headers=((b"x-beta", b"1"),)),
)


def test_each_route_that_loses_says_why_the_closest_first() -> None:
    found = asked(tenant(*SHOP), "/api/v1/carts", host="acme.test", x_beta="1")
    assert (found.outcome, found.route) == (Outcome.ROUTE, SHOP[7])
    reason = "the host acme.test, the prefix /api/v1, the header conditions on x-beta"
    assert found.detail == f"winner is the first that takes it, by {reason}"
    assert [(each.route.name, each.loss, each.detail) for each in found.losers] == [
        ("twice", Loss.LATER, "stands after the winner in the document"),
        ("plain", Loss.FEWER_CONDITIONS, "the winner has more header conditions"),
        ("posts", Loss.METHOD, "takes POST only"),
        ("short", Loss.SHORTER_PREFIX, "a longer prefix decides"),
        ("any-host", Loss.WIDER_HOST, "a route for a more exact host decides"),
        ("beta", Loss.HEADERS, "needs x-eu: 1"),
        ("near", Loss.PREFIX, "/api/v2 is not the path and does not end at one of its /"),
        ("far", Loss.PREFIX, "/about/us is not the path and does not end at one of its /"),
        ("other", Loss.HOST, "is for shop.test"),
    ]


def test_a_path_that_takes_other_methods_names_them_and_who_takes_them() -> None:
    view = tenant(route("read", "/a", methods=frozenset({"GET"})), route("root", "/"))
    found = asked(view, "/a/b", "POST")
    assert (found.outcome, found.allow, found.route) == (Outcome.METHOD_NOT_ALLOWED, ("GET",), None)
    assert [(each.route.name, each.loss) for each in found.losers] == [
        ("read", Loss.METHOD),
        ("root", Loss.SHORTER_PREFIX),
    ]


def test_a_path_without_a_route_says_so_and_whether_fields_would_help() -> None:
    view = tenant(route("beta", "/a", headers=((b"x-beta", b"1"),)))
    for path, detail in (
        ("/b", "no route takes this host and path"),
        ("/a", "no route takes this host and path with these fields"),
    ):
        found = asked(view, path)
        assert (found.outcome, found.detail, len(found.losers)) == (Outcome.NOT_FOUND, detail, 1)


@pytest.mark.parametrize(
    ("path", "builtin"),
    [("/livez", "/livez"), ("/api/v1/auth/login", "/api/v1/auth/login"), ("/api/v1/auth", None), ("/livez/", None)],
)
def test_the_edges_own_endpoints_win_over_every_route(path: str, builtin: str | None) -> None:
    found = asked(tenant(route("root", "/")), path)
    assert found.builtin == builtin
    assert (found.outcome is Outcome.BUILTIN) is (builtin is not None)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/a/../b", "an empty segment or a dot segment"),
        ("/a/%2e%2e/b", "an empty segment or a dot segment"),
        ("/a//b", "an empty segment or a dot segment"),
        ("a", "does not begin with /"),
        ("/ä", "must be percent-encoded"),
        ("/%zz", "must be percent-encoded"),
        ("/%252F", "encoded twice"),
        ("/a%5Cb", "a backslash or a control character"),
        ("/%ff", "not UTF-8"),
        ("/strict/a%2Fb", "which strict does not allow"),
        ("/none/a%2Fb", "no route takes it"),
    ],
)
def test_an_ambiguous_path_says_what_is_ambiguous(path: str, why: str) -> None:
    found = asked(tenant(route("strict", "/strict"), route("lax", "/lax", allow_encoded_slashes=True)), path)
    assert (found.outcome, found.path) == (Outcome.AMBIGUOUS_PATH, None)
    assert why in found.detail


def test_an_encoded_slash_passes_where_a_route_allows_it() -> None:
    found = asked(tenant(route("lax", "/lax", allow_encoded_slashes=True)), "/lax/a%2fb")
    assert (found.outcome, found.path) == (Outcome.ROUTE, "/lax/a%2Fb")


def plans(found: Explanation) -> list[LimitPlan]:
    callers = (found.authenticated, found.anonymous)
    return [each.plan for each in callers if each is not None and each.plan is not None]


def test_the_winner_is_told_with_what_follows_from_it() -> None:
    own = CorsRules(frozenset({"*"}))
    view = tenant(route("api", "/api", rewrite="/v2", auth=Auth.OPTIONAL, cors=own), route("off", "/off"))
    found = asked(view, "/api/x")
    assert (found.upstream_path, found.cors, found.refusal) == ("/v2/x", own, None)
    assert [plan.policies[0].rate.requests for plan in plans(found)] == [500, 100]
    assert asked(view, "/off").cors is None
    assert asked(view, "/nowhere").cors == DOCUMENT


def test_a_caller_without_a_limit_is_told_apart_from_one_who_may_not_call() -> None:
    free = RouteLimitRules(authenticated=Unlimited.UNLIMITED)
    found = asked(tenant(route("free", "/free", limit=free)), "/free")
    assert found.authenticated == CallerLimits("routes.free.limit.authenticated", "principal", None)
    assert found.anonymous is None


@pytest.mark.parametrize(
    ("limit", "tier", "settings"),
    [
        pytest.param(None, "", ("limits.authenticated", "limits.anonymous"), id="the tenant's"),
        pytest.param(None, "gold", ("limits.tiers.gold", "limits.anonymous"), id="the plan's for who is known"),
        pytest.param(
            RouteLimitRules(Rate(1, 1_000), Rate(2, 1_000)),
            "gold",
            ("routes.a.limit.authenticated", "routes.a.limit.anonymous"),
            id="the route's before all",
        ),
    ],
)
def test_each_limit_names_the_setting_that_it_follows_from(
    limit: RouteLimitRules | None, tier: str, settings: tuple[str, str]
) -> None:
    view = tenant(route("a", "/a", auth=Auth.OPTIONAL, limit=limit), subscription=Subscription(tier))
    rules = LimitRules(tenant=Rate(9, 1_000), tiers={"gold": Rate(8, 1_000)})
    found = asked(replace(view, rules=replace(view.rules, limits=rules)), "/a")
    told = [each for each in (found.authenticated, found.anonymous, found.unproven) if each is not None]
    assert [(each.setting, each.counted_by) for each in told] == [
        (settings[0], "principal"),
        (settings[1], "address"),
        ("limits.failed_authentication", "address"),
    ]
    assert [[policy.setting for policy in each.plan.policies] for each in told if each.plan is not None] == [
        [settings[0], "limits.tenant"],
        [settings[1], "limits.tenant"],
        ["limits.failed_authentication"],
    ]


@pytest.mark.parametrize(
    ("auth", "scopes", "callers"),
    [
        (Auth.REQUIRED, (), (True, False)),
        (Auth.OPTIONAL, (), (True, True)),
        (Auth.OPTIONAL, ("a",), (True, False)),
        (Auth.NONE, (), (False, True)),
    ],
)
def test_limits_are_told_for_those_who_may_call(
    auth: Auth, scopes: tuple[str, ...], callers: tuple[bool, bool]
) -> None:
    found = asked(tenant(route("a", "/a", auth=auth, scopes=frozenset(scopes))), "/a")
    assert (found.authenticated is not None, found.anonymous is not None) == callers


def test_what_the_tenants_state_refuses_is_told_beside_the_route() -> None:
    view = tenant(route("a", "/a"), read_only=ReadOnly(on=True, reason="moving"))
    found = asked(view, "/a", "POST")
    assert found.refusal is not None
    assert (found.refusal.code, found.refusal.detail) == ("TENANT_READ_ONLY", "moving")
    assert asked(view, "/a").refusal is None


def test_of_many_losers_the_closest_are_told_and_the_others_counted() -> None:
    found = asked(tenant(*(route(f"r{number}", f"/r{number}") for number in range(500)), route("a", "/r7/x")), "/r7/x")
    assert (len(found.losers), found.losers_left_out) == (MAX_LOSERS, 480)
    assert [each.route.name for each in found.losers[:1]] == ["r7"]


def test_a_wildcard_host_is_told_as_such() -> None:
    found = asked(tenant(route("a", "/a", hosts=("*.test",))), "/a", host="x.test")
    assert found.detail == "a is the first that takes it, by a wildcard host, the prefix /a"


def test_long_lists_are_cut_in_reasons() -> None:
    view = tenant(route("a", "/a", hosts=tuple(f"h{number}.test" for number in range(9))))
    assert asked(view, "/a").losers[0].detail == "is for h0.test, h1.test, h2.test and 6 more"


@settings(max_examples=300)
@given(scattered | crowded, hosts, methods, paths | st.just("/a"), fields)
def test_every_route_wins_or_says_why_not(
    routes: list[Route], host: str, method: str, path: str, headers: dict[bytes, bytes]
) -> None:
    found = explain(Question(method, host, path.encode(), headers), tenant(*routes), 0.0)
    lost = {each.route.name: each.loss for each in found.losers}
    won = [found.route.name] if found.route is not None else []
    assert sorted([*lost, *won]) == sorted(each.name for each in routes)
    decided = {Loss.WIDER_HOST, Loss.SHORTER_PREFIX, Loss.METHOD, Loss.FEWER_CONDITIONS, Loss.LATER}
    if found.outcome is Outcome.NOT_FOUND:
        assert decided.isdisjoint(lost.values())
    if found.outcome is Outcome.METHOD_NOT_ALLOWED:
        assert Loss.METHOD in lost.values()
        assert {Loss.FEWER_CONDITIONS, Loss.LATER}.isdisjoint(lost.values())
    for each in routes:
        if lost.get(each.name) in (Loss.FEWER_CONDITIONS, Loss.LATER) and found.route is not None:
            assert each.prefix == found.route.prefix
            assert (-len(found.route.headers), int(found.route.name)) < (-len(each.headers), int(each.name))


REFERRING = """
services { name: "a" targets { url: "${SALES_SERVICE_URL}" } }
routes { name: "a" prefix: "/a" service: "a" }
"""


def test_a_tenant_is_explained_by_the_document_that_it_inherits_wherever_its_targets_lead() -> None:
    record = tenant_pb2.Tenant(id=ACME, short_id="00000001", status=tenant_pb2.TENANT_STATUS_ACTIVE)
    view = view_of(record, config(REFERRING), DEFAULT_TENANT, 3)
    assert isinstance(view, TenantView)
    assert (view.id, view.rules.tenant, view.rules.version) == (ACME, DEFAULT_TENANT, 3)
    refused = view_of(record, config(REFERRING), ACME, 3)
    assert isinstance(refused, Refused)


@pytest.mark.parametrize(
    ("method", "path", "lines"),
    [
        ("GET", "/api/x", ()),
        ("GET", "/api/x", ("X-Beta: 1",)),
        ("PUT", "/api/x", ("X-Beta: 1",)),
        ("PUT", "/api/x", ()),
        ("GET", "/nowhere", ()),
        ("GET", "/api/a%2Fb", ()),
        ("GET", "/lax/a%2Fb", ()),
        ("PUT", "/lax/a%2Fb", ()),
        ("GET", "/no/a%2Fb", ()),
        ("GET", "/api/%2e%2e/b", ()),
        ("GET", "/livez", ()),
        ("POST", "/api/v1/auth/login", ()),
    ],
)
async def test_an_edge_does_what_is_said(method: str, path: str, lines: tuple[str, ...]) -> None:
    async with upstream(answering(OK)) as behind:
        service = Service("up", (Target("127.0.0.1", behind.port),))
        routes = [
            replace(each, service=service, auth=Auth.NONE)
            for each in (
                route("beta", "/api", headers=((b"x-beta", b"1"),), methods=frozenset({"GET"})),
                route("api", "/api"),
                route("lax", "/lax", allow_encoded_slashes=True, methods=frozenset({"GET"})),
            )
        ]
        given = {name.lower().encode(): value.encode() for name, value in (line.split(": ") for line in lines)}
        found = explain(Question(method, "localhost", path.encode(), given), tenant(*routes), 0.0)
        async with plane(routes) as edge:
            answer = await edge.get(path, *lines, method=method)
            visit = await edge.visit()
    expected = {
        Outcome.ROUTE: 200,
        Outcome.NOT_FOUND: 404,
        Outcome.METHOD_NOT_ALLOWED: 405,
        Outcome.AMBIGUOUS_PATH: 400,
    }
    assert visit.route == found.route
    if found.outcome is Outcome.BUILTIN:
        assert answer.status in (200, 501)
    else:
        assert answer.status == expected[found.outcome]
        assert answer.fields.get("allow", "") == ", ".join(found.allow)
