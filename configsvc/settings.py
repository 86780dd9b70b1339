"""What configsvc is told by its environment."""

from pydantic import Field, SecretStr

from svckit.settings import CommaList, ProcessSettings


class ConfigSettings(ProcessSettings):
    """The process settings, its database, and where the services are that provision tenants."""

    listen: CommaList = Field(default=("127.0.0.1:50053",), min_length=1)
    database_url: SecretStr
    auth_address: str = "127.0.0.1:50051"
    telemetry_address: str = "127.0.0.1:50054"
