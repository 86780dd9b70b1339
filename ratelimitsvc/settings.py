"""What ratelimitsvc is told by its environment."""

from typing import Annotated, Final

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator
from redis.asyncio import ConnectionPool

from ratelimitsvc.batch import EXACT_UP_TO, MAX_UNITS, WindowStore
from ratelimitsvc.topology import cluster_url
from svckit.guests import GuestToken, guarded
from svckit.settings import CommaList
from svckit.teams import TeamSettings

DEFAULT_LISTEN: Final = ("127.0.0.1:50052",)


def _refuse_unusable(url: SecretStr) -> SecretStr:
    try:
        cluster = cluster_url(url.get_secret_value())
        ConnectionPool.from_url(url.get_secret_value() if cluster is None else cluster.of(cluster.nodes[0]))
    except ValueError:
        raise ValueError(
            "redis://HOST:PORT/NUMBER names a database, redis+cluster://HOST:PORT,HOST:PORT nodes of a cluster"
        ) from None
    return url


class RateLimitSettings(TeamSettings):
    """Settings of the process.

    `redis_url` (it may hold a password) names a logical database of our own, or nodes of a Redis Cluster.
    `envoy_limits_listen` is where Envoys may ask; empty: nowhere.
    """

    listen: CommaList = Field(default=DEFAULT_LISTEN, min_length=1)
    redis_url: Annotated[SecretStr, AfterValidator(_refuse_unusable)] = SecretStr("redis://127.0.0.1:6379/0")
    # What one store counted the other does not see: after a change every window begins anew.
    window_store: WindowStore = "ring"
    # Of a batch that waits for its turn at Redis: whoever asked does not wait much longer, and decides without us.
    queue_seconds: float = Field(default=0.1, gt=0, le=10)
    exact_up_to: int = Field(default=EXACT_UP_TO, ge=1, le=MAX_UNITS)
    # A batch that takes longer has failed. Redis decides 128 checks in 1–2 ms; the edge gives up after 25 ms.
    redis_timeout_seconds: float = Field(default=0.25, gt=0, le=10)
    envoy_token: GuestToken = None
    envoy_limits_listen: CommaList = ()
    # Where the policies of Envoy's descriptors come from.
    config_address: str = "127.0.0.1:50053"

    @field_validator("envoy_limits_listen")
    @classmethod
    def _guarded(cls, addresses: tuple[str, ...], known: ValidationInfo) -> tuple[str, ...]:
        return guarded(addresses, known.data.get("envoy_token"))
