"""What was decided about a request's limits, wherever it was decided."""

from enum import StrEnum
from typing import NamedTuple

from edge.limits.policy import LimitSet
from edge.limits.rules import Rate


class Source(StrEnum):
    """Who decided: the shared counters, this worker's own windows, or nobody."""

    REDIS = "redis"
    LOCAL = "local"
    OPEN = "open"


class Decision(NamedTuple):
    """A decision in terms of the limit that binds; see penstock.ratelimit.v1.Decision.

    A tuple because there is one per request: a frozen dataclass of seven fields takes 1 µs more to make.
    """

    allowed: bool
    binding: int
    remaining: int
    reset_millis: int
    retry_after_millis: int
    source: Source
    limits: LimitSet

    @property
    def policy(self) -> str:
        """The name of the binding policy."""
        return self.limits.plan.policies[self.binding].name

    @property
    def rate(self) -> Rate:
        """The rate of the binding policy."""
        return self.limits.plan.policies[self.binding].rate
