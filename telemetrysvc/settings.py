"""What telemetrysvc is told by its environment."""

from pydantic import Field, SecretStr

from svckit.settings import CommaList, ProcessSettings


class TelemetrySettings(ProcessSettings):
    """`writers` is the number of transactions that store records at the same time."""

    listen: CommaList = Field(default=("127.0.0.1:50054",), min_length=1)
    database_url: SecretStr
    writers: int = Field(default=2, ge=1, le=32)
