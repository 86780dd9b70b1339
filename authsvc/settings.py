"""What authsvc is told by its environment."""

from pathlib import Path
from typing import Final

from pydantic import Field, SecretStr

from svckit.settings import CommaList, ProcessSettings

DEFAULT_LISTEN: Final = ("127.0.0.1:50051",)


class AuthSettings(ProcessSettings):
    """Settings of the process; `database_url` is the service's own database and role (with CREATEROLE)."""

    listen: CommaList = Field(default=DEFAULT_LISTEN, min_length=1)
    database_url: SecretStr
    kek_file: Path
    database_connections: int = Field(default=10, ge=4, le=200)
