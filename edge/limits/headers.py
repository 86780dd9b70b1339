"""A decision as response header fields: draft-ietf-httpapi-ratelimit-headers-10 and Retry-After (RFC 9110 §10.2.3)."""

from edge.limits.decision import Decision, Source
from edge.limits.policy import sf_string


def limit_headers(decision: Decision) -> tuple[tuple[bytes, bytes], ...]:
    """RateLimit-Policy with every policy, RateLimit with the one that binds, Retry-After when refused.

    Seconds are rounded up, so that who waits as told is not refused again. A decision that nobody made has no
    RateLimit: what remains is not known.
    """
    policies = (b"RateLimit-Policy", decision.limits.plan.header)
    if decision.source is Source.OPEN:
        return (policies,)
    state = (
        b"RateLimit",
        b"%b;r=%d;t=%d" % (sf_string(decision.policy), decision.remaining, _seconds(decision.reset_millis)),
    )
    if decision.allowed:
        return (policies, state)
    return (policies, state, (b"Retry-After", b"%d" % _seconds(decision.retry_after_millis)))


def _seconds(millis: int) -> int:
    return -(-millis // 1000)
