"""The canonical form of a path: one for each meaning, none for what can be read in two ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.http.path import ambiguity, canonical_path


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [
        (b"/", "/"),
        (b"/api/v1/user", "/api/v1/user"),
        (b"/api/", "/api/"),
        (b"/a.b/c..d", "/a.b/c..d"),
        (b"/%61pi", "/api"),
        (b"/caf%c3%a9", "/caf%C3%A9"),
        (b"/a%20b", "/a%20b"),
        (b"/a;v=1/b", "/a;v=1/b"),
        (b"/100%25", "/100%25"),
    ],
)
def test_equal_paths_have_one_spelling(raw: bytes, canonical: str) -> None:
    assert canonical_path(raw) == canonical


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"api",
        b"*",
        b"//evil.com",
        b"/a//b",
        b"/a/../b",
        b"/..",
        b"/.",
        b"/a/./b",
        b"/%2e%2e/b",
        b"/..%2fb",
        b"/a%2fb",
        b"/a%5cb",
        b"/a\\b",
        b"/%252e%252e/b",
        b"/a%00",
        b"/a%0d%0ab",
        b"/%c0%ae%c0%ae/b",
        b"/%ff",
        b"/%zz",
        b"/a%",
        b"/%25%32%66",
        b"/%25%32%65%25%32%65/b",
        b"/a/;/b",
        b"/;x/b",
        b"/a/;/%61",
        b"/..;x/b",
        b"/%2e%2e;x/b",
        b"/a b",
        b'/a"b',
        b"/a\x7f",
        b"/a?b",
    ],
)
def test_what_two_parsers_could_read_in_two_ways_has_no_canonical_form(raw: bytes) -> None:
    assert canonical_path(raw) is None


def test_an_encoded_slash_is_kept_where_the_route_allows_it() -> None:
    assert canonical_path(b"/files/a%2fb", allow_encoded_slashes=True) == "/files/a%2Fb"
    assert canonical_path(b"/files/..%2fb", allow_encoded_slashes=True) is None


@given(st.binary(max_size=40).map(lambda tail: b"/" + tail))
def test_the_canonical_form_is_its_own_canonical_form(raw: bytes) -> None:
    canonical = canonical_path(raw)
    if canonical is not None:
        assert canonical_path(canonical.encode()) == canonical


@given(st.binary(max_size=40).map(lambda tail: b"/" + tail), st.booleans())
def test_whatever_has_no_canonical_form_has_a_reason(raw: bytes, lax: bool) -> None:
    canonical = canonical_path(raw, allow_encoded_slashes=lax)
    assert (canonical is None) is (ambiguity(raw, allow_encoded_slashes=lax) is not None)
