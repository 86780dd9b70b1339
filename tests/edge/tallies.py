"""Tallies with something in them."""

from edge.tally import Tally


def counted(requests: int = 1) -> Tally:
    """So many requests, and one event."""
    tally = Tally()
    for _ in range(requests):
        tally.request("GET", "/api", 200, 0.004, 10, 20)
    tally.event("gateway_rate_limit_exceeded", "/api")
    return tally
