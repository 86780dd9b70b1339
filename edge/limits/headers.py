"""A decision as response header fields: draft-ietf-httpapi-ratelimit-headers-10 and Retry-After (RFC 9110 §10.2.3)."""

from edge.limits.decision import Decision, Source


def limit_headers(decision: Decision) -> tuple[tuple[bytes, bytes], ...]:
    """RateLimit-Policy with every policy, RateLimit with the one that binds, Retry-After when refused.

    Seconds are rounded up, so that who waits as told is not refused again. A decision that nobody made has no
    RateLimit: what remains is not known.
    """
    plan = decision.limits.plan
    policies = (b"RateLimit-Policy", plan.header)
    if decision.source is Source.OPEN:
        return (policies,)
    reset = -(-decision.reset_millis // 1000)
    state = (b"RateLimit", b"%b;r=%d;t=%d" % (plan.names[decision.binding], decision.remaining, reset))
    if decision.allowed:
        return (policies, state)
    return (policies, state, (b"Retry-After", b"%d" % -(-decision.retry_after_millis // 1000)))


def limit_lines(decision: Decision) -> list[bytes]:
    """The same as whole header lines."""
    return [b"%b: %b\r\n" % field for field in limit_headers(decision)]
