"""Which pages of other origins may call, and what their browsers are told."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.tenants import DEFAULT_TENANT
from edge.cors import allowed_origin, answer_lines, is_preflight, preflight_lines, preflight_rules
from edge.routing import CorsRules, Route, Router, Service, Target, Timeouts
from edge.snapshot import Rules
from tests.edge.heads import Field, head_of

APP = b"https://app.example.com"
LISTED = CorsRules(frozenset({APP.decode(), "https://other.test"}))
WITH_CREDENTIALS = CorsRules(LISTED.origins, credentials=True)
ANY = CorsRules(frozenset({"*"}))
ANY_WITH_CREDENTIALS = CorsRules(frozenset({"*", APP.decode()}), credentials=True)
NOBODY = CorsRules()
VARY = b"Vary: Origin\r\n"
PREFLIGHT_VARY = b"Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n"


def origin(value: bytes) -> Field:
    return (b"Origin", value)


def asked(
    *rules: CorsRules | None, by: bytes = APP, method: bytes = b"GET", names: bytes | None = None
) -> bytes | None:
    """What a preflight by an origin is answered under these rules."""
    fields = [origin(by), (b"Access-Control-Request-Method", method)]
    if names is not None:
        fields.append((b"Access-Control-Request-Headers", names))
    return preflight_lines(head_of(*fields, method=b"OPTIONS"), rules)


@pytest.mark.parametrize(
    ("rules", "value", "allowed"),
    [
        pytest.param(LISTED, APP, APP, id="a listed origin"),
        pytest.param(WITH_CREDENTIALS, APP, APP, id="a listed origin with credentials"),
        pytest.param(LISTED, None, None, id="no origin"),
        pytest.param(LISTED, b"https://evil.com", None, id="another origin"),
        pytest.param(LISTED, b"http://app.example.com", None, id="another scheme"),
        pytest.param(LISTED, APP + b":8443", None, id="another port"),
        pytest.param(LISTED, APP + b".evil.com", None, id="a longer host"),
        pytest.param(LISTED, b"https://APP.example.com", None, id="another spelling"),
        pytest.param(LISTED, b"null", None, id="a page without an origin"),
        pytest.param(LISTED, b"", None, id="an empty origin"),
        pytest.param(LISTED, APP + b"\xff", None, id="octets that are not text"),
        pytest.param(ANY, b"https://evil.com", b"*", id="any origin"),
        pytest.param(ANY, b"null", b"*", id="any origin, even none of its own"),
        pytest.param(ANY, None, b"*", id="any origin, even where none is told"),
        pytest.param(ANY_WITH_CREDENTIALS, b"https://evil.com", None, id="a star is no origin where credentials go"),
        pytest.param(ANY_WITH_CREDENTIALS, b"*", None, id="nor is one that calls itself so"),
        pytest.param(ANY_WITH_CREDENTIALS, APP, APP, id="a listed origin beside a star"),
        pytest.param(NOBODY, APP, None, id="no origin is listed"),
    ],
)
def test_an_origin_is_allowed_as_the_rules_say(rules: CorsRules, value: bytes | None, allowed: bytes | None) -> None:
    assert allowed_origin(value, rules) == allowed


@pytest.mark.parametrize(
    ("method", "fields", "expected"),
    [
        pytest.param(b"OPTIONS", (origin(APP), (b"Access-Control-Request-Method", b"PUT")), True, id="a browser asks"),
        pytest.param(b"OPTIONS", ((b"Access-Control-Request-Method", b"PUT"),), False, id="without an origin"),
        pytest.param(b"OPTIONS", (origin(APP),), False, id="without a method: a request for the resource"),
        pytest.param(b"PUT", (origin(APP), (b"Access-Control-Request-Method", b"PUT")), False, id="another method"),
    ],
)
def test_a_preflight_is_told_from_a_request(method: bytes, fields: tuple[Field, ...], expected: bool) -> None:
    assert is_preflight(head_of(*fields, method=method)) is expected


@pytest.mark.parametrize("value", [b"https://evil.com", None])
def test_an_answer_to_another_origin_only_says_that_it_depends_on_it(value: bytes | None) -> None:
    assert answer_lines(value, WITH_CREDENTIALS) == VARY


def test_an_answer_to_a_listed_origin_is_readable() -> None:
    assert answer_lines(APP, LISTED) == (
        VARY + b"Access-Control-Allow-Origin: https://app.example.com\r\n"
        b"Access-Control-Expose-Headers: X-Request-ID, RateLimit, RateLimit-Policy, Retry-After\r\n"
    )


def test_an_answer_with_credentials_says_so() -> None:
    assert answer_lines(APP, WITH_CREDENTIALS) == (
        answer_lines(APP, LISTED) + b"Access-Control-Allow-Credentials: true\r\n"
    )


@pytest.mark.parametrize("value", [APP, b"null", b"*", None])
def test_an_answer_for_any_origin_is_the_same_for_all_and_says_nothing_of_varying(value: bytes | None) -> None:
    assert answer_lines(value, ANY) == (
        b"Access-Control-Allow-Origin: *\r\n"
        b"Access-Control-Expose-Headers: X-Request-ID, RateLimit, RateLimit-Policy, Retry-After\r\n"
    )


def test_the_fields_to_expose_come_first_and_each_once() -> None:
    rules = CorsRules(LISTED.origins, expose=("X-Total", "Retry-After"))
    exposed = b"Access-Control-Expose-Headers: X-Total, Retry-After, X-Request-ID, RateLimit, RateLimit-Policy\r\n"
    assert exposed in answer_lines(APP, rules)


@pytest.mark.parametrize("rules", [LISTED, WITH_CREDENTIALS, ANY], ids=["listed", "with credentials", "any"])
def test_lines_are_remembered_for_allowed_origins_only_however_many_ask(rules: CorsRules) -> None:
    fresh = CorsRules(rules.origins, rules.credentials)
    first = answer_lines(APP, fresh)
    assert answer_lines(APP, fresh) is first
    for number in range(1000):
        answer_lines(b"https://%d.evil.com" % number, fresh)
    assert answer_lines(None, fresh) == answer_lines(b"https://evil.com", fresh)
    assert len(fresh.answers) <= 2


PUT = CorsRules(LISTED.origins, credentials=True, methods=("GET", "PUT"), headers=("authorization", "x-a"), max_age=60)


def test_a_preflight_is_allowed_what_it_asks_for_and_no_more() -> None:
    assert asked(PUT, method=b"PUT", names=b"X-A,  AUTHORIZATION,") == (
        PREFLIGHT_VARY + b"Access-Control-Allow-Origin: https://app.example.com\r\n"
        b"Access-Control-Allow-Methods: PUT\r\n"
        b"Access-Control-Max-Age: 60\r\n"
        b"Access-Control-Allow-Headers: x-a, authorization\r\n"
        b"Access-Control-Allow-Credentials: true\r\n"
    )


def test_a_preflight_under_plain_rules_is_told_the_defaults() -> None:
    assert asked(ANY) == (
        PREFLIGHT_VARY + b"Access-Control-Allow-Origin: *\r\n"
        b"Access-Control-Allow-Methods: GET\r\n"
        b"Access-Control-Max-Age: 600\r\n"
    )


ALL = CorsRules(frozenset({"*"}), methods=("*",), headers=("*",))


@pytest.mark.parametrize(
    ("rules", "by", "method", "names", "allowed"),
    [
        pytest.param(PUT, APP, b"PUT", None, True, id="a listed method"),
        pytest.param(PUT, b"https://evil.com", b"PUT", None, False, id="another origin"),
        pytest.param(PUT, b"null", b"PUT", None, False, id="a page without an origin"),
        pytest.param(PUT, APP, b"POST", None, False, id="a method that browsers take for harmless but is not listed"),
        pytest.param(PUT, APP, b"put", None, False, id="a method in another case"),
        pytest.param(PUT, APP, b"PUT", b"x-a", True, id="a listed field"),
        pytest.param(PUT, APP, b"PUT", b"X-a", True, id="a listed field in another case"),
        pytest.param(PUT, APP, b"PUT", b"x-a,x-b", False, id="another field beside a listed one"),
        pytest.param(PUT, APP, b"PUT", b"", True, id="an empty list of fields"),
        pytest.param(ALL, APP, b"DELETE", b"x-b", True, id="any method and any field"),
        pytest.param(ALL, APP, b"GET, PUT", None, False, id="any method, but not two"),
        pytest.param(ALL, APP, b"DELETE", b"authorization", False, id="any field, but not Authorization"),
        pytest.param(ALL, APP, b"DELETE", b"x b", False, id="any field, but no nonsense"),
        pytest.param(
            CorsRules(LISTED.origins, credentials=True, methods=("*",)),
            APP,
            b"PUT",
            None,
            False,
            id="a star is no method where credentials go",
        ),
        pytest.param(
            CorsRules(LISTED.origins, credentials=True, headers=("*",)),
            APP,
            b"GET",
            b"x-a",
            False,
            id="a star is no field where credentials go",
        ),
        pytest.param(
            CorsRules(frozenset({"*"}), headers=("*", "authorization")),
            APP,
            b"GET",
            b"authorization,x-a",
            True,
            id="Authorization is listed by name",
        ),
    ],
)
def test_a_preflight_is_allowed_all_that_it_asks_for_or_nothing(
    rules: CorsRules, by: bytes, method: bytes, names: bytes | None, allowed: bool
) -> None:
    lines = asked(rules, by=by, method=method, names=names)
    assert lines is not None
    assert (lines != PREFLIGHT_VARY) is allowed
    assert (b"Access-Control-Allow-Origin" in lines) is allowed


def test_names_of_fields_may_come_in_several_lines() -> None:
    fields = (b"Access-Control-Request-Headers", b"x-a"), (b"access-control-request-headers", b"x-b")
    head = head_of(origin(APP), (b"Access-Control-Request-Method", b"PUT"), *fields, method=b"OPTIONS")
    assert preflight_lines(head, [PUT]) == PREFLIGHT_VARY


STRICT = CorsRules(LISTED.origins, methods=("PUT",), max_age=5)


def test_where_several_routes_may_take_the_request_all_of_them_must_allow_it() -> None:
    assert asked(PUT, STRICT, method=b"PUT") == (
        PREFLIGHT_VARY + b"Access-Control-Allow-Origin: https://app.example.com\r\n"
        b"Access-Control-Allow-Methods: PUT\r\n"
        b"Access-Control-Max-Age: 5\r\n"
    )
    assert asked(PUT, STRICT, method=b"PUT", names=b"x-a") == PREFLIGHT_VARY
    assert asked(PUT, STRICT, method=b"GET") == PREFLIGHT_VARY
    assert asked(PUT, None, method=b"PUT") == PREFLIGHT_VARY
    assert asked(ALL, STRICT, method=b"PUT") == asked(STRICT, method=b"PUT")


def test_the_upstream_answers_where_no_route_has_rules() -> None:
    assert asked(None) is None
    assert asked(None, None) is None


SERVICE = Service("sales", (Target("127.0.0.1", 1),))


def route(prefix: str, cors: CorsRules | None, *methods: str, **conditions: object) -> Route:
    return Route(prefix, prefix, SERVICE, Timeouts(), frozenset(methods), cors=cors, **conditions)  # type: ignore[arg-type]


BETA = ((b"x-beta", b"1"),)
ROUTES = (
    route("/read", STRICT, "GET"),
    route("/read", PUT, "PUT"),
    route("/off", None),
    route("/hosted", STRICT, hosts=("api.example.com",)),
    route("/hosted", PUT),
    route("/beta", STRICT, headers=BETA),
    route("/beta", PUT),
    route("/beta/deep", ALL, headers=BETA),
    route("/slash", STRICT, allow_encoded_slashes=True),
)


@pytest.mark.parametrize(
    ("target", "method", "expected"),
    [
        pytest.param(b"/read", b"GET", [STRICT], id="the route of the path and of the method asked for"),
        pytest.param(b"/read", b"PUT", [PUT], id="another method, another route"),
        pytest.param(b"/read", b"DELETE", [LISTED], id="no route for the method: the document's"),
        pytest.param(b"/nowhere", b"GET", [LISTED], id="no route for the path: the document's"),
        pytest.param(b"/a/../b", b"GET", [LISTED], id="an ambiguous path: the document's"),
        pytest.param(b"/off/x", b"GET", [None], id="a route without rules"),
        pytest.param(b"/hosted", b"GET", [STRICT], id="by host"),
        pytest.param(b"/beta", b"GET", [STRICT, PUT], id="header conditions may hold or not"),
        pytest.param(b"/beta/deep", b"GET", [ALL, STRICT, PUT], id="and where they do not a shorter prefix takes it"),
        pytest.param(b"/slash/a%2Fb", b"GET", [STRICT], id="an encoded slash where it is allowed"),
        pytest.param(b"/read/a%2Fb", b"GET", [LISTED], id="an encoded slash where it is not"),
    ],
)
def test_the_rules_of_a_preflight_are_those_of_the_request_that_it_asks_for(
    target: bytes, method: bytes, expected: list[CorsRules | None]
) -> None:
    rules = Rules(DEFAULT_TENANT, 1, Router(ROUTES), cors=LISTED)
    head = head_of(origin(APP), (b"Access-Control-Request-Method", method), method=b"OPTIONS", target=target)
    assert preflight_rules(head, head.host, rules) == expected


# No browser calls its origin a star.
origins = st.sampled_from([APP, b"https://evil.com", b"null", b""]) | st.binary(max_size=20).map(
    lambda value: value.translate(None, b"\r\n\0*").strip(b" \t")
)
starred = st.lists(st.sampled_from(["*", "authorization", "x-a"]), max_size=2).map(tuple)
rules = st.builds(
    CorsRules,
    st.frozensets(st.sampled_from(["*", APP.decode(), "https://b.test"])),
    st.booleans(),
    st.lists(st.sampled_from(["*", "GET", "PUT"]), max_size=2).map(tuple),
    starred,
    starred,
)


@example(APP, CorsRules(frozenset([APP.decode()]), True, ("*",), ("*",)), b"*", b"*")
@given(origins, rules, st.sampled_from([b"GET", b"PUT", b"*"]), st.sampled_from([None, b"*", b"x-a", b"authorization"]))
def test_what_is_allowed_is_listed_and_credentials_never_go_to_a_star(
    value: bytes, rules: CorsRules, method: bytes, names: bytes | None
) -> None:
    for lines in (answer_lines(value, rules), asked(rules, by=value, method=method, names=names)):
        assert lines is not None
        *written, end = lines.split(b"\r\n")
        named = dict(line.split(b": ", 1) for line in written)
        assert end == b""
        assert len(named) == len(written)
        allowed = named.get(b"Access-Control-Allow-Origin")
        assert allowed is None or allowed.decode("latin-1") in rules.origins
        assert allowed == b"*" or named[b"Vary"].startswith(b"Origin")
        if b"Access-Control-Allow-Credentials" in named:
            assert rules.credentials
            assert b"*" not in (
                allowed,
                named.get(b"Access-Control-Allow-Methods"),
                named.get(b"Access-Control-Allow-Headers"),
            )
