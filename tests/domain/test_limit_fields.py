"""Limits in header fields."""

import pytest

from domain.limit_fields import policy_item, seconds, sf_string, state_item


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("login", b'"login"'),
        ("", b'""'),
        ('a "b" \\ c', b'"a \\"b\\" \\\\ c"'),
        ("ü\n\x7f", b'"???"'),
    ],
)
def test_a_name_is_a_string_of_structured_fields(text: str, written: bytes) -> None:
    assert sf_string(text) == written


@pytest.mark.parametrize(("millis", "whole"), [(0, 0), (1, 1), (1_000, 1), (1_001, 2), (60_000, 60)])
def test_seconds_are_rounded_up(millis: int, whole: int) -> None:
    assert seconds(millis) == whole


def test_a_policy_tells_its_quota_and_window() -> None:
    assert policy_item(b'"a"', 5, 1_500) == b'"a";q=5;w=2'


def test_a_state_tells_what_remains_and_until_when() -> None:
    assert state_item(b'"a"', 0, 999) == b'"a";r=0;t=1'
