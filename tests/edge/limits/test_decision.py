"""A decision speaks of the limit that binds."""

import pytest

from edge.limits.decision import Decision, Source
from edge.limits.rules import Rate
from tests.edge.limits.conftest import limit_set


@pytest.mark.parametrize(
    ("binding", "name", "rate"),
    [
        pytest.param(0, "default", Rate(500, 60_000), id="the caller's"),
        pytest.param(1, "tenant", Rate(9_000, 60_000), id="the tenant's"),
    ],
)
def test_policy_and_rate_are_those_of_the_limit_that_binds(binding: int, name: str, rate: Rate) -> None:
    decision = Decision(False, binding, 0, 1, 1, Source.REDIS, limit_set(500, aggregate=9_000))
    assert (decision.policy, decision.rate) == (name, rate)
