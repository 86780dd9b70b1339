"""Which pages of other origins may call, and what their browsers are told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cors import allowed_origin, answer_lines, is_preflight, preflight_lines
from edge.snapshot import CorsRules
from tests.edge.heads import Field, head_of

APP = b"https://app.example.com"
LISTED = CorsRules(frozenset({APP.decode(), "https://other.test"}))
WITH_CREDENTIALS = CorsRules(LISTED.origins, credentials=True)
ANY = CorsRules(frozenset({"*"}))
ANY_WITH_CREDENTIALS = CorsRules(frozenset({"*", APP.decode()}), credentials=True)
NOBODY = CorsRules()
VARY = b"Vary: Origin\r\n"
ASKED: Field = (b"Access-Control-Request-Method", b"PUT")


def origin(value: bytes) -> Field:
    return (b"Origin", value)


@pytest.mark.parametrize(
    ("rules", "fields", "allowed"),
    [
        pytest.param(LISTED, (origin(APP),), APP, id="a listed origin"),
        pytest.param(WITH_CREDENTIALS, (origin(APP),), APP, id="a listed origin with credentials"),
        pytest.param(LISTED, (), None, id="no origin"),
        pytest.param(LISTED, (origin(b"https://evil.com"),), None, id="another origin"),
        pytest.param(LISTED, (origin(b"http://app.example.com"),), None, id="another scheme"),
        pytest.param(LISTED, (origin(APP + b":8443"),), None, id="another port"),
        pytest.param(LISTED, (origin(APP + b".evil.com"),), None, id="a longer host"),
        pytest.param(LISTED, (origin(b"https://APP.example.com"),), None, id="another spelling"),
        pytest.param(LISTED, (origin(b"null"),), None, id="a page without an origin"),
        pytest.param(LISTED, (origin(b""),), None, id="an empty origin"),
        pytest.param(LISTED, (origin(APP + b"\xff"),), None, id="octets that are not text"),
        pytest.param(ANY, (origin(b"https://evil.com"),), b"*", id="any origin"),
        pytest.param(ANY, (origin(b"null"),), b"*", id="any origin, even none of its own"),
        pytest.param(ANY, (), None, id="any origin, but none is told"),
        pytest.param(
            ANY_WITH_CREDENTIALS, (origin(b"https://evil.com"),), None, id="a star is no origin where credentials go"
        ),
        pytest.param(ANY_WITH_CREDENTIALS, (origin(b"*"),), None, id="nor is one that calls itself so"),
        pytest.param(ANY_WITH_CREDENTIALS, (origin(APP),), APP, id="a listed origin beside a star"),
        pytest.param(NOBODY, (origin(APP),), None, id="no origin is listed"),
    ],
)
def test_an_origin_is_allowed_as_the_rules_say(
    rules: CorsRules, fields: tuple[Field, ...], allowed: bytes | None
) -> None:
    assert allowed_origin(head_of(*fields), rules) == allowed


@pytest.mark.parametrize(
    ("method", "fields", "expected"),
    [
        pytest.param(b"OPTIONS", (origin(APP), ASKED), True, id="a browser asks"),
        pytest.param(b"OPTIONS", (ASKED,), False, id="without an origin"),
        pytest.param(b"OPTIONS", (origin(APP),), False, id="without a method: a request for the resource"),
        pytest.param(b"PUT", (origin(APP), ASKED), False, id="another method"),
    ],
)
def test_a_preflight_is_told_from_a_request(method: bytes, fields: tuple[Field, ...], expected: bool) -> None:
    assert is_preflight(head_of(*fields, method=method)) is expected


def test_an_answer_to_another_origin_only_says_that_it_depends_on_it() -> None:
    head = head_of(origin(b"https://evil.com"), ASKED, method=b"OPTIONS")
    assert answer_lines(head, WITH_CREDENTIALS) == preflight_lines(head, WITH_CREDENTIALS) == VARY


def test_an_answer_to_a_listed_origin_is_readable() -> None:
    assert answer_lines(head_of(origin(APP)), LISTED) == (
        VARY + b"Access-Control-Allow-Origin: https://app.example.com\r\n"
        b"Access-Control-Expose-Headers: X-Request-ID, RateLimit, RateLimit-Policy, Retry-After\r\n"
    )


def test_an_answer_with_credentials_says_so() -> None:
    lines = answer_lines(head_of(origin(APP)), WITH_CREDENTIALS)
    assert lines == answer_lines(head_of(origin(APP)), LISTED) + b"Access-Control-Allow-Credentials: true\r\n"


def test_the_fields_to_expose_come_first_and_each_once() -> None:
    rules = CorsRules(LISTED.origins, expose=("X-Total", "Retry-After"))
    exposed = b"Access-Control-Expose-Headers: X-Total, Retry-After, X-Request-ID, RateLimit, RateLimit-Policy\r\n"
    assert exposed in answer_lines(head_of(origin(APP)), rules)


def test_a_preflight_is_told_what_may_be_sent() -> None:
    rules = CorsRules(
        LISTED.origins, credentials=True, methods=("GET", "PUT"), headers=("authorization", "x-a"), max_age=60
    )
    assert preflight_lines(head_of(origin(APP), ASKED, method=b"OPTIONS"), rules) == (
        VARY + b"Access-Control-Allow-Origin: https://app.example.com\r\n"
        b"Access-Control-Allow-Methods: GET, PUT\r\n"
        b"Access-Control-Max-Age: 60\r\n"
        b"Access-Control-Allow-Headers: authorization, x-a\r\n"
        b"Access-Control-Allow-Credentials: true\r\n"
    )


def test_a_preflight_under_plain_rules_is_told_the_defaults() -> None:
    assert preflight_lines(head_of(origin(APP), ASKED, method=b"OPTIONS"), ANY) == (
        VARY + b"Access-Control-Allow-Origin: *\r\n"
        b"Access-Control-Allow-Methods: GET, HEAD, POST\r\n"
        b"Access-Control-Max-Age: 600\r\n"
    )


# No browser calls its origin a star.
origins = st.sampled_from([APP, b"https://evil.com", b"null", b""]) | st.binary(max_size=20).map(
    lambda value: value.translate(None, b"\r\n\0*").strip(b" \t")
)
rules = st.builds(CorsRules, st.frozensets(st.sampled_from(["*", APP.decode(), "https://b.test"])), st.booleans())


@given(origins, rules)
def test_what_is_allowed_is_listed_and_credentials_never_go_to_a_star(value: bytes, rules: CorsRules) -> None:
    head = head_of(origin(value), ASKED, method=b"OPTIONS")
    for lines in (answer_lines(head, rules), preflight_lines(head, rules)):
        *written, end = lines.split(b"\r\n")
        named = dict(line.split(b": ", 1) for line in written)
        assert end == b""
        assert len(named) == len(written)
        assert named[b"Vary"] == b"Origin"
        allowed = named.get(b"Access-Control-Allow-Origin")
        assert allowed is None or allowed.decode("latin-1") in rules.origins
        if b"Access-Control-Allow-Credentials" in named:
            assert rules.credentials
            assert allowed != b"*"
