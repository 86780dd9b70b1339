"""Decisions as response header fields."""

import pytest

from edge.limits.decision import Decision, Source
from edge.limits.headers import limit_headers
from edge.limits.rules import LimitRules, Rate
from tests.edge.limits.conftest import consumer, found_limits, limit_set, route, tenant_view

LEGACY = found_limits(tenant_view(LimitRules(Rate(500, 60_000), legacy_headers=True)), route(), consumer())
LIMITS = limit_set(500, aggregate=9_000)
POLICY = (b"RateLimit-Policy", b'"default";q=500;w=60, "tenant";q=9000;w=60')


def test_an_admitted_request_is_told_what_remains_and_when_there_is_more() -> None:
    decision = Decision(True, 0, 499, 59_001, 0, Source.REDIS, LIMITS)
    assert limit_headers(decision) == (POLICY, (b"RateLimit", b'"default";r=499;t=60'))


def test_a_refused_request_is_told_the_binding_policy_and_when_to_come_again() -> None:
    decision = Decision(False, 1, 0, 1_000, 1_001, Source.LOCAL, LIMITS)
    assert limit_headers(decision) == (POLICY, (b"RateLimit", b'"tenant";r=0;t=1'), (b"Retry-After", b"2"))


def test_a_request_that_nobody_counted_is_told_the_policies_alone() -> None:
    assert limit_headers(Decision(True, 0, 500, 0, 0, Source.OPEN, LIMITS)) == (POLICY,)


@pytest.mark.parametrize(
    ("decision", "remaining", "last"),
    [
        pytest.param(Decision(True, 0, 499, 59_001, 0, Source.REDIS, LEGACY), b"499", b"X-RateLimit-Reset", id="fits"),
        pytest.param(Decision(False, 0, 0, 59_001, 59_001, Source.LOCAL, LEGACY), b"0", b"Retry-After", id="refused"),
    ],
)
def test_where_the_tenant_wants_it_the_binding_limit_is_told_in_the_older_fields_too(
    decision: Decision, remaining: bytes, last: bytes
) -> None:
    fields = limit_headers(decision)
    assert fields[2:5] == (
        (b"X-RateLimit-Limit", b"500"),
        (b"X-RateLimit-Remaining", remaining),
        (b"X-RateLimit-Reset", b"60"),
    )
    assert fields[-1][0] == last


def test_the_older_fields_say_nothing_of_what_nobody_counted() -> None:
    assert [name for name, _ in limit_headers(Decision(True, 0, 500, 0, 0, Source.OPEN, LEGACY))] == [
        b"RateLimit-Policy"
    ]
