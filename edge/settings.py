"""What an edge worker is told by its environment."""

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationInfo, field_validator

from domain.origins import ORIGIN
from svckit.settings import CommaList, NetworkList, RimSettings

_YEAR_SECONDS = 366 * 86_400
_HSTS = re.compile(r"max-age=\d{1,10}(; includeSubDomains)?(; preload)?")


def _port(value: object) -> object:
    """Kubernetes sets REDIS_PORT=tcp://10.0.0.1:6379 by itself, for a service of the name redis."""
    return value.rpartition(":")[2] if isinstance(value, str) and value.startswith("tcp://") else value


class EdgeSettings(RimSettings):
    """Settings of one edge worker. Times are in seconds."""

    host: str = Field(default="127.0.0.1", validation_alias="HOST")
    port: int = Field(default=8000, ge=0, le=65_535, validation_alias="PORT")
    listen: CommaList = ()
    """Wins over `host` and `port`."""
    listen_fd: int | None = Field(default=None, ge=3)
    """A listening socket inherited from the supervisor; wins over all of these."""
    tls_certificates: CommaList = ()
    """Files in PEM, each with a certificate and its chain; the first is for clients that ask for none of them. With
    one or more the edge serves over TLS, and over nothing else."""
    tls_keys: CommaList = ()
    """The files of their keys, in the same order."""
    hsts: str = "max-age=31536000"
    """The Strict-Transport-Security of answers over TLS; empty: none."""
    redirect_listen: CommaList = Field(default=(), max_length=1)
    """Where plain requests are led to https."""
    redirect_listen_fd: int | None = Field(default=None, ge=3)
    """The same as a listening socket inherited from the supervisor; wins over it."""
    redirect_port: int = Field(default=443, ge=1, le=65_535)
    """The port that they are led to."""
    proxy_protocol_from: NetworkList = ()
    """Networks of balancers whose connections begin with a PROXY header, on every port of the edge; nobody else's
    do."""
    handshake_seconds: float = Field(default=10.0, ge=0.1, le=50)
    """For the PROXY header and the TLS handshake of a connection together."""
    handshakes: int = Field(default=256, ge=1, le=65_536)
    """Connections of a port that are in this state at a time; others wait."""
    ready_fd: int | None = Field(default=None, ge=3)
    """Inherited from the supervisor: the worker writes a line to it once it serves and is ready."""
    worker_slot: int = Field(default=0, ge=0, le=1023)
    data_dir: Path = Path("edge-data")
    run_dir: Path = Path("run")
    auth_address: str = "127.0.0.1:50051"
    ratelimit_address: str = "127.0.0.1:50052"
    config_address: str = "127.0.0.1:50053"
    telemetry_address: str = "127.0.0.1:50054"
    redis_url: SecretStr | None = None
    """Where a warm copy of the config is kept besides the disk; absent: on disk alone."""
    redis_host: str = Field(default="", validation_alias="REDIS_HOST")
    """Names a Redis by its parts, where there is no `redis_url`."""
    redis_port: Annotated[int, BeforeValidator(_port)] = Field(
        default=6379, ge=1, le=65_535, validation_alias="REDIS_PORT"
    )
    redis_db: int = Field(default=0, ge=0, validation_alias="REDIS_DB")
    redis_password: SecretStr | None = Field(default=None, validation_alias="REDIS_PASSWORD")
    cluster_key_file: Path
    scope: str = "default"
    trusted_proxies: NetworkList = ()
    """Networks of the proxies in front that are believed about whom they speak for; of nobody else."""
    proxy_headers: Literal["x-forwarded", "forwarded"] = "x-forwarded"
    """Which header fields those proxies write: X-Forwarded-For, -Proto and -Host, or Forwarded (RFC 7239)."""
    trace_sample: float = Field(default=1.0, ge=0, le=1)
    """Part of the traces started here that are marked as sampled. Upstreams as a rule record those and no others."""
    access_log: bool = True
    """One log line for each answered request. Telemetry has them all without it."""
    access_log_sample: float = Field(default=1.0, ge=0, le=1)
    """Part of the requests that have a line. Those that failed (5xx, or not answered to the end) have one anyway."""
    auth_max_stale: float = Field(default=900.0, ge=0, le=900)
    """How long cached principals serve while authsvc is away and the lease is out; 0 refuses at once."""
    targets_private_allowed: bool = False
    """Whether any tenant's targets may have private or loopback addresses. Off: only those of `default` and of
    tenants that an operator allowed it."""
    request_line_bytes: int = Field(default=8 * 1024, ge=256, le=64 * 1024)
    header_bytes: int = Field(default=32 * 1024, ge=1024, le=1024 * 1024)
    """Of all fields of a head together, and of a trailer section."""
    header_count: int = Field(default=100, ge=10, le=10_000)
    chunk_extension_bytes: int = Field(default=4 * 1024, ge=0, le=64 * 1024)
    """Of all extensions of a chunked body together."""
    max_body_bytes: int = Field(default=10 * 1024 * 1024, ge=0)
    """Of a request whose route says nothing else."""
    pipelined_requests: int = Field(default=16, ge=2, le=1024)
    """Requests of one connection that may wait for their turn; the one that fills the queue is the last."""
    upload_pace: int = Field(default=240, ge=0, le=1024 * 1024)
    """Octets a second that a body must bring at least, on average over every ten seconds; 0: any pace will do."""
    head_seconds: float = Field(default=10.0, ge=0.1, le=600)
    """From the beginning of a connection, or of a request on it, to the end of the head."""
    body_seconds: float = Field(default=60.0, ge=0.1, le=600)
    """For more of a body that is for the edge itself, and for the client to take more of its answer."""
    idle_seconds: float = Field(default=75.0, ge=0.1, le=3600)
    """From an answer to the next request of the connection."""
    upstream_header_bytes: int = Field(default=64 * 1024, ge=1024, le=1024 * 1024)
    """Of an answer's head, interim answers before it included."""
    websocket_tunnels: int = Field(default=4096, ge=1, le=100_000)
    """WebSockets that a worker holds open at a time; each needs two file descriptors."""
    websocket_tunnels_of_tenant: int = Field(default=1024, ge=1, le=100_000)
    """The same of one tenant."""
    own_ports: CommaList = ()
    """Ports of this gateway's own listeners, which no tenant may name as a target on loopback."""
    health_token: SecretStr | None = None
    """A bearer token for the details of /health and /readyz."""
    health_networks: CommaList = ("127.0.0.0/8", "::1/128")
    """Networks whose clients are told those details without it."""
    rate_limit_requests: int | None = Field(default=None, ge=1, le=1_000_000, validation_alias="RATE_LIMIT_REQUESTS")
    """The limit of each caller, a token bucket, where a document has no limits; absent together with the window:
    what the document's defaults are."""
    rate_limit_window_seconds: int | None = Field(
        default=None, ge=1, le=_YEAR_SECONDS, validation_alias="RATE_LIMIT_WINDOW_SECONDS"
    )
    address_counters: int = Field(default=10_000, ge=1, le=1_000_000)
    """Addresses of one tenant that have counters of their own at a time; those beyond share a few."""
    cors_origins: CommaList = Field(default=(), max_length=1_000, validation_alias="CORS_ORIGINS")
    """Who may ask cross-origin, where the document of `default` has no rules for it."""
    cors_allow_credentials: bool = Field(default=False, validation_alias="CORS_ALLOW_CREDENTIALS")

    @field_validator("hsts")
    @classmethod
    def _hsts(cls, value: str) -> str:
        if value and _HSTS.fullmatch(value) is None:
            raise ValueError("max-age=SECONDS, then at most ; includeSubDomains and ; preload")
        return value

    @field_validator("health_networks")
    @classmethod
    def _networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for network in networks:
            ip_network(network)  # says itself what is wrong
        return networks

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        if "*" in origins and len(origins) > 1:
            raise ValueError("* stands alone")
        for origin in origins:
            if origin != "*" and ORIGIN.fullmatch(origin) is None:
                raise ValueError("an origin is in lower case and has no path, such as https://app.example.com")
        return origins

    @field_validator("cors_allow_credentials")
    @classmethod
    def _credentials(cls, allowed: bool, info: ValidationInfo) -> bool:
        if allowed and "*" in info.data.get("cors_origins", ()):
            raise ValueError("no credentials together with the origin *")
        return allowed
