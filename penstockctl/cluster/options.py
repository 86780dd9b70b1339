"""What the operator chose for the local cluster."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """Ports may be 0: any free one (`grpc_port_base` 0: no TCP for gRPC at all, Unix sockets only).

    `redis_url` and `database_url` name external servers; None means embedded ones. `database_url` is an
    administrator's: it may create roles and databases. `tls_certificates` and `tls_keys` are paths with commas between
    them, as the edge reads them, empty: plain HTTP; `redirect_port` None: no port that leads to https.
    """

    data_dir: Path
    host: str = "127.0.0.1"
    edge_port: int = 8000
    admin_port: int = 8001
    grpc_port_base: int = 50051
    workers: int = 1
    demo: bool = True
    redis_url: str | None = None
    database_url: str | None = None
    tls_certificates: str = ""
    tls_keys: str = ""
    redirect_port: int | None = None

    @property
    def edge_scheme(self) -> str:
        """How the edge is spoken to."""
        return "https" if self.tls_certificates else "http"
