"""Which route a request takes: tables for the rules, a naive model for everything between them."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.routing import MethodNotAllowed, Route, Router, Timeouts
from tests.edge.routes import crowded, fields, hosts, methods, paths, route, scattered


def taken(routes: Sequence[Route], path: str, *, host: str = "", method: str = "GET", **headers: str) -> str | None:
    """The name of the route that a request takes, `405 <methods>` or None."""
    pairs = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    found = Router(routes).match(host, method, path, lambda: pairs)
    if isinstance(found, MethodNotAllowed):
        return "405 " + ",".join(found.allow)
    return found.name if found else None


SHOP = (
    route("root", "/"),
    route("user", "/api/v1/user"),
    route("user-keys", "/api/v1/user/keys"),
    route("v1", "/api/v1"),
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", "root"),
        ("/api", "root"),
        ("/api/v1", "v1"),
        ("/api/v1/", "v1"),
        ("/api/v1/user", "user"),
        ("/api/v1/user/", "user"),
        ("/api/v1/user/7", "user"),
        ("/api/v1/users", "v1"),
        ("/api/v1/use", "v1"),
        ("/api/v1/user/keys", "user-keys"),
        ("/api/v1/user/keys/1/2/3", "user-keys"),
        ("/api/v1/user/keystone", "user"),
        ("/API/v1/user", "root"),
        ("/api/v1/user%2Fkeys", "v1"),
        ("/" * 10_000, "root"),
        ("/api/v1/user/keys" + "/x" * 5_000, "user-keys"),
    ],
)
def test_the_longest_prefix_on_a_segment_boundary_wins(path: str, expected: str) -> None:
    assert taken(SHOP, path) == expected


def test_without_a_catch_all_other_paths_have_no_route() -> None:
    assert taken([route("sales", "/api/v1/sales")], "/api/v1/salesman") is None
    assert taken([route("sales", "/api/v1/sales")], "/") is None
    assert taken([], "/api/v1/sales") is None


HOSTED = (
    route("any", "/a/b"),
    route("exact", "/a", hosts=("api.example.com",)),
    route("wild", "/a", hosts=("*.example.com",)),
    route("wilder", "/a", hosts=("*.eu.example.com", "other.test")),
)


@pytest.mark.parametrize(
    ("host", "path", "expected"),
    [
        ("api.example.com", "/a/b/c", "exact"),
        ("www.example.com", "/a/b/c", "wild"),
        ("x.y.example.com", "/a", "wild"),
        ("x.eu.example.com", "/a", "wilder"),
        ("eu.example.com", "/a", "wild"),
        ("other.test", "/a", "wilder"),
        ("example.com", "/a/b", "any"),
        ("example.com", "/a", None),
        (".example.com", "/a", None),
        ("badexample.com", "/a", None),
        ("", "/a/b", "any"),
        ("api.example.com", "/z", None),
    ],
)
def test_an_exact_host_beats_a_wildcard_and_a_wildcard_beats_any_host(
    host: str, path: str, expected: str | None
) -> None:
    assert taken(HOSTED, path, host=host) == expected


def test_a_host_without_the_path_falls_through_to_any_host() -> None:
    routes = [route("hosted", "/a", hosts=("api.example.com",)), route("any", "/b")]
    assert taken(routes, "/b", host="api.example.com") == "any"


METHODS = (
    route("read", "/a", methods=frozenset({"GET", "HEAD"})),
    route("write", "/a", methods=frozenset({"POST"})),
    route("catch-all", "/"),
)


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("GET", "read"),
        ("HEAD", "read"),
        ("POST", "write"),
        ("DELETE", "405 GET,HEAD,POST"),
        ("get", "405 GET,HEAD,POST"),
    ],
)
def test_a_method_that_the_prefix_does_not_take_is_refused_and_never_reaches_a_shorter_prefix(
    method: str, expected: str
) -> None:
    assert taken(METHODS, "/a/b", method=method) == expected


BETA = (
    route("stable", "/a"),
    route("beta", "/a", headers=((b"x-beta", b"1"),)),
    route("beta-eu", "/a", headers=((b"x-beta", b"1"), (b"x-region", b"eu"))),
    route("internal", "/a/internal", headers=((b"x-internal", b"yes"),), methods=frozenset({"GET"})),
)


def test_more_header_conditions_win_within_a_prefix() -> None:
    assert taken(BETA, "/a") == "stable"
    assert taken(BETA, "/a", x_beta="1") == "beta"
    assert taken(BETA, "/a", x_beta="2") == "stable"
    assert taken(BETA, "/a", x_beta="1", x_region="eu") == "beta-eu"


def test_a_route_whose_header_conditions_fail_is_as_if_absent() -> None:
    assert taken(BETA, "/a/internal") == "stable"
    assert taken(BETA, "/a/internal", method="POST") == "stable"
    assert taken(BETA, "/a/internal", method="POST", x_internal="yes") == "405 GET"


def test_among_equals_the_first_of_the_document_wins() -> None:
    assert taken([route("first", "/a"), route("second", "/a")], "/a") == "first"


def test_among_routes_with_as_many_conditions_the_document_decides_whatever_they_ask_for() -> None:
    p, q = ((b"p", b"1"),), ((b"q", b"1"),)
    routes = [
        route("first", "/a", headers=p, methods=frozenset({"GET"})),
        route("second", "/a", headers=q),
        route("third", "/a", headers=p),
    ]
    assert taken(routes, "/a", method="POST", p="1", q="1") == "second"
    assert taken(routes, "/a", method="GET", p="1", q="1") == "first"
    assert taken(routes, "/a", method="POST", p="1") == "third"


def test_the_methods_of_routes_with_and_without_conditions_are_allowed_together() -> None:
    routes = [
        route("beta", "/a", headers=((b"x-beta", b"1"),), methods=frozenset({"GET"})),
        route("stable", "/a", methods=frozenset({"POST"})),
    ]
    assert taken(routes, "/a", method="PUT", x_beta="1") == "405 GET,POST"
    assert taken(routes, "/a", method="PUT") == "405 POST"


def test_fields_are_asked_for_only_where_conditions_stand() -> None:
    def unasked() -> Mapping[bytes, bytes]:
        raise AssertionError("the path has no conditions")

    router = Router([route("beta", "/beta", headers=((b"x-beta", b"1"),)), route("root", "/")])
    assert router.match("", "GET", "/alpha", unasked) == router.routes[1]


def test_all_routes_are_possible_whose_conditions_may_hold_until_one_has_none() -> None:
    def possible(path: str, method: str = "GET") -> list[str]:
        return [each.name for each in Router(BETA).possible("", method, path)]

    assert possible("/a") == ["beta-eu", "beta", "stable"]
    assert possible("/a/internal") == ["internal", "beta-eu", "beta", "stable"]
    assert possible("/a/internal", "POST") == ["beta-eu", "beta", "stable"]
    assert possible("/b") == []
    assert [each.name for each in Router(METHODS).possible("", "DELETE", "/a")] == []


def naive(
    routes: Sequence[Route], host: str, method: str, path: str, headers: Mapping[bytes, bytes]
) -> Route | MethodNotAllowed | None:
    """The precedence written as one sort over all routes."""

    def host_rank(route: Route) -> int | None:
        ranks = [10_000 for each in route.hosts if each == host]
        ranks += [len(each) for each in route.hosts if each.startswith("*.") and host[1:].endswith(each[1:])]
        return max(ranks, default=None) if route.hosts else 0

    def below(route: Route) -> bool:
        return route.prefix == "/" or path == route.prefix or path.startswith(route.prefix + "/")

    ranked = [
        ((rank, len(each.prefix.rstrip("/"))), len(each.headers), -index, each)
        for index, each in enumerate(routes)
        if (rank := host_rank(each)) is not None
        and below(each)
        and all(headers.get(name) == value for name, value in each.headers)
    ]
    if not ranked:
        return None
    best = max(ranked, key=lambda entry: entry[0])[0]
    group = sorted((entry for entry in ranked if entry[0] == best), key=lambda entry: entry[1:3], reverse=True)
    for *_, each in group:
        if not each.methods or method in each.methods:
            return each
    return MethodNotAllowed(tuple(sorted({method for *_, each in group for method in each.methods})))


@settings(max_examples=400)
@given(
    scattered | crowded,
    hosts,
    methods,
    st.builds(lambda path, tail: path + tail, paths, st.sampled_from(["", "/", "/c", "x"])) | st.just("/a"),
    fields,
)
def test_every_match_agrees_with_the_naive_model(
    routes: list[Route], host: str, method: str, path: str, headers: dict[bytes, bytes]
) -> None:
    assert Router(routes).match(host, method, path, lambda: headers) == naive(routes, host, method, path, headers)


@settings(max_examples=200)
@given(scattered | crowded, hosts, methods, paths)
def test_all_that_some_fields_lead_to_are_possible(routes: list[Route], host: str, method: str, path: str) -> None:
    values = (None, b"1", b"2")
    every = [{k: v for k, v in ((b"p", p), (b"q", q)) if v is not None} for p in values for q in values]
    reached = {found.name for given in every if isinstance(found := naive(routes, host, method, path, given), Route)}
    assert reached <= {each.name for each in Router(routes).possible(host, method, path)}


@pytest.mark.parametrize(
    ("response", "line"),
    [(10.0, b"10000"), (0.25, b"250"), (0.0001, b"1"), (3600.0, b"3600000")],
    ids=["seconds", "a part of one", "less than a millisecond", "an hour"],
)
def test_the_upstream_is_told_how_long_it_has(response: float, line: bytes) -> None:
    assert Timeouts(response=response).line == b"X-Request-Timeout: %b\r\n" % line


@pytest.mark.parametrize(
    ("seconds", "within"),
    [
        pytest.param(60.0, Timeouts(1.0, 10.0, 60.0), id="more than there is changes nothing"),
        pytest.param(5.0, Timeouts(1.0, 5.0, 60.0), id="less for the answer"),
        pytest.param(0.5, Timeouts(0.5, 0.5, 60.0), id="less for the connection, too"),
        pytest.param(-1.0, Timeouts(0.001, 0.001, 60.0), id="nothing left is a millisecond"),
    ],
)
def test_timeouts_can_be_shortened_only(seconds: float, within: Timeouts) -> None:
    shortened = Timeouts(1.0, 10.0, 60.0).within(seconds)
    assert shortened == within
    assert shortened.line == within.line
