"""What authsvc is told by its environment."""

from pathlib import Path
from typing import Final

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from authsvc.memory import CAPACITY
from svckit.guests import GuestToken, guarded
from svckit.settings import CommaList
from svckit.teams import TeamSettings

DEFAULT_LISTEN: Final = ("127.0.0.1:50051",)


class AuthSettings(TeamSettings):
    """Settings of the process; `database_url` is the service's own database and role (with CREATEROLE).

    `envoy_auth_listen` is where Envoys may have requests judged; empty: nowhere.
    """

    listen: CommaList = Field(default=DEFAULT_LISTEN, min_length=1)
    database_url: SecretStr
    kek_file: Path
    # A key takes 0.7 KB. 0: each question goes to the store.
    remembered_keys: int = Field(default=CAPACITY, ge=0, le=10_000_000)
    envoy_token: GuestToken = None
    envoy_auth_listen: CommaList = ()
    # Which tenants there are and whether they are served, for those whose requests are judged here.
    config_address: str = "127.0.0.1:50053"
    database_connections: int = Field(default=10, ge=4, le=200)

    @field_validator("envoy_auth_listen")
    @classmethod
    def _guarded(cls, addresses: tuple[str, ...], known: ValidationInfo) -> tuple[str, ...]:
        return guarded(addresses, known.data.get("envoy_token"))
