"""Tallies with something in them."""

from edge.tally import Tally


def counted(requests: int = 1) -> Tally:
    """So many requests, one of them over its limit, and one event."""
    tally = Tally()
    for _ in range(requests):
        tally.request("GET", "/api", 200, 0.004, 10, 20)
    tally.request("GET", "/api", 429, 0.001, 0, 30).rate_limited += 1
    tally.event("gateway_auth_attempts", "success")
    return tally
