"""Runs ratelimitsvc: `python -m ratelimitsvc`."""

from ratelimitsvc.settings import RateLimitSettings
from ratelimitsvc.wiring import service
from svckit.server import main
from svckit.teams import team_callers

if __name__ == "__main__":
    main(service(team_callers(RateLimitSettings)), RateLimitSettings)
