"""Decisions as response header fields."""

from edge.limits.decision import Decision, Source
from edge.limits.headers import limit_headers
from tests.edge.limits.conftest import limit_set

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
