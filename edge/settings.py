"""What an edge worker is told by its environment."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from svckit.settings import CommaList, NetworkList, RimSettings


class EdgeSettings(RimSettings):
    """Settings of one edge worker. Times are in seconds."""

    listen: CommaList = ("127.0.0.1:8000",)
    listen_fd: int | None = Field(default=None, ge=3)
    """A listening socket inherited from the supervisor; wins over `listen`."""
    worker_slot: int = Field(default=0, ge=0, le=1023)
    data_dir: Path = Path("edge-data")
    run_dir: Path = Path("run")
    auth_address: str = "127.0.0.1:50051"
    ratelimit_address: str = "127.0.0.1:50052"
    config_address: str = "127.0.0.1:50053"
    telemetry_address: str = "127.0.0.1:50054"
    redis_url: SecretStr | None = None
    """Where a warm copy of the config is kept besides the disk; absent: on disk alone."""
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
    auth_max_stale: float = Field(default=900.0, ge=0, le=900)
    """How long cached principals serve while authsvc is away and the lease is out; 0 refuses at once."""
    targets_private_allowed: bool = False
    """Whether any tenant's targets may have private or loopback addresses. Off: only those of `default` and of
    tenants that an operator allowed it."""
    own_ports: CommaList = ()
    """Ports of this gateway's own listeners, which no tenant may name as a target on loopback."""
