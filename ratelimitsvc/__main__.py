"""Runs ratelimitsvc: `python -m ratelimitsvc`."""

from ratelimitsvc.settings import RateLimitSettings
from ratelimitsvc.wiring import service
from svckit.server import main
from svckit.settings import SettingsError, load_settings


def _team_callers() -> tuple[str, ...]:
    """Read ahead, as the method table is part of what is run; `main` reports what is wrong with the settings."""
    try:
        return load_settings(RateLimitSettings).team_callers
    except SettingsError:
        return ()


if __name__ == "__main__":
    main(service(_team_callers()), RateLimitSettings)
