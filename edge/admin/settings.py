"""What the management process is told by its environment."""

from pathlib import Path

from svckit.settings import CommaList, NetworkList, RimSettings


class AdminSettings(RimSettings):
    """Settings of `python -m edge.admin`. Addresses are `host:port` or `unix:/path`."""

    # Not PENSTOCK_LISTEN: the edge and its management process may share one environment.
    admin_listen: CommaList = ("127.0.0.1:8001",)

    auth_address: str = "127.0.0.1:50051"
    config_address: str = "127.0.0.1:50053"
    telemetry_address: str = "127.0.0.1:50054"

    # Where the edge's workers leave their tallies.
    run_dir: Path
    # Serves /metrics without a token, for scrapers on a private network.
    metrics_public: bool = False
    # Gateways that may have requests judged at /forward-auth; empty: nobody.
    forward_auth_networks: NetworkList = ()
