"""The forms of names: what fits as a whole, and what does not."""

import re

import pytest

from configsvc.validate import names
from configsvc.validate.names import canonical_path

LABEL = "a" * 63


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (names.NAME, "a"),
        (names.NAME, "a.b_c-9"),
        (names.NAME, "a" * 128),
        (names.METHOD, "GET"),
        (names.METHOD, "M-SEARCH"),
        (names.METHOD, "M" * 32),
        (names.TOKEN, "x-Beta"),
        (names.TOKEN, "!#$%&'*+.^_`|~09az"),
        (names.FIELD_VALUE, "a"),
        (names.FIELD_VALUE, "a b"),
        (names.FIELD_VALUE, "a" * 1024),
        (names.SCOPE, "urn:a.read"),
        (names.TIER, "Pro_1"),
        (names.HOST, "a.example.com"),
        (names.HOST, "xn--bcher-kva.test"),
        (names.HOST, "10.0.0.1"),
        (names.HOST, f"{LABEL}.{LABEL}.{LABEL}.{'a' * 61}"),
        (names.HOST_PATTERN, "a.test"),
        (names.HOST_PATTERN, "*.a.test"),
    ],
)
def test_a_text_that_has_the_form(form: re.Pattern[str], text: str) -> None:
    assert form.fullmatch(text)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (names.NAME, ""),
        (names.NAME, "A"),
        (names.NAME, "a b"),
        (names.NAME, "a\n"),
        (names.NAME, "a" * 129),
        (names.METHOD, "get"),
        (names.METHOD, "-GET"),
        (names.METHOD, "M" * 33),
        (names.TOKEN, ""),
        (names.TOKEN, "a:"),
        (names.TOKEN, "ä"),
        (names.TOKEN, "a" * 129),
        (names.FIELD_VALUE, ""),
        (names.FIELD_VALUE, " a"),
        (names.FIELD_VALUE, "a "),
        (names.FIELD_VALUE, "a\tb"),
        (names.FIELD_VALUE, "ä"),
        (names.FIELD_VALUE, "a" * 1025),
        (names.SCOPE, "a b"),
        (names.TIER, "a:b"),
        (names.TIER, "a" * 65),
        (names.HOST, ""),
        (names.HOST, "A.test"),
        (names.HOST, "a..test"),
        (names.HOST, "a.test."),
        (names.HOST, "-a.test"),
        (names.HOST, "a-.test"),
        (names.HOST, "a.test:80"),
        (names.HOST, "a.test\n"),
        (names.HOST, "bücher.test"),
        (names.HOST, "*.a.test"),
        (names.HOST, f"{LABEL}a.test"),
        (names.HOST, f"{LABEL}.{LABEL}.{LABEL}.{'a' * 62}"),
        (names.HOST_PATTERN, "*"),
        (names.HOST_PATTERN, "*.*.test"),
        (names.HOST_PATTERN, "a.*.test"),
        (names.HOST_PATTERN, "*a.test"),
    ],
)
def test_a_text_that_has_not(form: re.Pattern[str], text: str) -> None:
    assert not form.fullmatch(text)


@pytest.mark.parametrize(
    "path",
    ["/", "/a", "/a/b", "/a.b/c~d/_-", "/%C3%A4", "/%2F", "/a:b@c;d=e,f", "/*", "/a%20b", "/...", "/" + "a" * 2047],
)
def test_a_path_in_its_one_spelling(path: str) -> None:
    assert canonical_path(path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "a",
        "/a/",
        "//",
        "//a",
        "/a//b",
        "/.",
        "/..",
        "/a/../b",
        "/a/./b",
        "/a?b",
        "/a#b",
        "/a b",
        "/ä",
        "/%61",
        "/%7E",
        "/%2e",
        "/%2E",
        "/%c3%a4",
        "/%2",
        "/%",
        "/a\n",
        "/a\\b",
        "/" + "a" * 2048,
    ],
)
def test_a_path_that_has_another_spelling_or_none(path: str) -> None:
    assert not canonical_path(path)
