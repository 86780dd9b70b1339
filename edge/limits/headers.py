"""A decision as response header fields: draft-ietf-httpapi-ratelimit-headers-10, Retry-After (RFC 9110 §10.2.3), and
where the tenant wants them the X-RateLimit-* that clients knew before."""

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
    legacy = _legacy(decision, reset) if plan.legacy_headers else ()
    if decision.allowed:
        return (policies, state, *legacy)
    return (policies, state, *legacy, (b"Retry-After", b"%d" % -(-decision.retry_after_millis // 1000)))


def _legacy(decision: Decision, reset: int) -> tuple[tuple[bytes, bytes], ...]:
    """The same of the limit that binds. A reset is in seconds from now; some gateways send a date instead."""
    return (
        (b"X-RateLimit-Limit", b"%d" % decision.rate.requests),
        (b"X-RateLimit-Remaining", b"%d" % decision.remaining),
        (b"X-RateLimit-Reset", b"%d" % reset),
    )


def limit_lines(decision: Decision) -> list[bytes]:
    """The same as whole header lines."""
    return [b"%b: %b\r\n" % field for field in limit_headers(decision)]
