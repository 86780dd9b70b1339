"""What ratelimitsvc is told by its environment."""

from typing import Final

from pydantic import Field, SecretStr

from ratelimitsvc.batch import EXACT_UP_TO, MAX_UNITS, WindowStore
from svckit.settings import CommaList, ProcessSettings

DEFAULT_LISTEN: Final = ("127.0.0.1:50052",)


class RateLimitSettings(ProcessSettings):
    """Settings of the process.

    `redis_url` (it may hold a password) names a logical database of our own. `team_callers` are the process names
    of internal teams that may ask for decisions; their public keys are in the trusted keys file.
    """

    listen: CommaList = Field(default=DEFAULT_LISTEN, min_length=1)
    team_callers: CommaList = ()
    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    # What one store counted the other does not see: after a change every window begins anew.
    window_store: WindowStore = "ring"
    # Of a batch that waits for its turn at Redis: whoever asked does not wait much longer, and decides without us.
    queue_seconds: float = Field(default=0.1, gt=0, le=10)
    exact_up_to: int = Field(default=EXACT_UP_TO, ge=1, le=MAX_UNITS)
    # A batch that takes longer has failed. Redis decides 128 checks in 1–2 ms; the edge gives up after 25 ms.
    redis_timeout_seconds: float = Field(default=0.25, gt=0, le=10)
