"""What the operator reads when the cluster is up."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console

from penstockctl.cluster.demo import HOST


@dataclass(frozen=True, slots=True)
class Summary:
    """`grpc_ports` maps services to TCP ports (empty: Unix sockets only); `demo_key` None: no demo;
    `redirect_url` None: nothing leads to https."""

    edge_url: str
    admin_url: str
    admin_token_file: Path
    run_dir: Path
    data_dir: Path
    grpc_ports: dict[str, int]
    demo_key: str | None = field(repr=False)
    redirect_url: str | None = None


def demo_url(edge_url: str) -> str:
    """The address of the request that is shown for trying."""
    return f"{edge_url}/demo/hello"


def anonymous_demo_url(edge_url: str) -> str | None:
    """The same request at the demo tenant's own host; None when that name does not lead to where the edge listens."""
    parts = urlsplit(edge_url)
    if parts.hostname not in ("127.0.0.1", "::1", "localhost"):
        return None
    return demo_url(f"{parts.scheme}://{HOST}:{parts.port}")


def print_summary(console: Console, summary: Summary) -> None:
    """URLs, files, and one command that works."""
    console.print("\n[bold green]Penstock is up.[/] Ctrl-C stops it; the data stay.\n")
    # Written as it is, like the commands below: a terminal may fold it, but nothing may colour, break or read markup
    # into a path or what goes to the clipboard.
    for name, value in _rows(summary):
        console.out(f"  {name:<5}  {value}", highlight=False)
    if summary.demo_key:
        console.out("\nTry:\n", highlight=False)
        # No certificate is for loopback, as a rule.
        curl = "curl --insecure" if summary.edge_url.startswith("https:") else "curl"
        command = f'{curl} -H "X-API-Key: {summary.demo_key}" {demo_url(summary.edge_url)}'
        console.out(f"  {command}\n", highlight=False)
        if url := anonymous_demo_url(summary.edge_url):
            console.out(f"without the key: 401 TOKEN_MISSING\n\n  {curl} {url}\n", highlight=False)


def _rows(summary: Summary) -> list[tuple[str, str]]:
    ports = ", ".join(f"{name} {port}" for name, port in summary.grpc_ports.items())
    return [
        ("edge", summary.edge_url),
        *([("plain", f"{summary.redirect_url}  (leads there)")] if summary.redirect_url else []),
        ("admin", f"{summary.admin_url}  (bearer token in {summary.admin_token_file})"),
        ("gRPC", ports or f"Unix sockets in {summary.run_dir}"),
        ("data", str(summary.data_dir)),
    ]
