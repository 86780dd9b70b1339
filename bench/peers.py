"""The gateways that are measured, each with one worker on the gateway's core, in front of the same nginx upstream."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

from bench.processes import (
    GATEWAY_CORE,
    HELPER_CORE,
    command_line,
    descendants,
    free_port,
    pin,
    required,
    running,
    wait_for,
    wait_for_text,
)

ANSWER = '{"items": [1, 2, 3], "total": 3, "next_cursor": null}'


@dataclass(frozen=True, slots=True)
class Peer:
    """A running gateway: where it answers, what a request must carry, whose CPU time is its own."""

    name: str
    url: str
    pids: list[int]
    headers: tuple[str, ...] = ()


@contextmanager
def upstream(scratch: Path) -> Iterator[int]:
    """nginx answering a small JSON document from memory, on the helpers' core."""
    port = free_port()
    server = f"location / {{ default_type application/json; return 200 '{ANSWER}'; }}"
    with _nginx(scratch / "upstream", port, server, HELPER_CORE):
        yield port


@contextmanager
def nginx(scratch: Path, upstream_port: int) -> Iterator[Peer]:
    """nginx with proxy_pass and a keep-alive pool: no identity, no limits, no records."""
    port = free_port()
    server = 'location / { proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ""; }'
    block = f"upstream u {{ server 127.0.0.1:{upstream_port}; keepalive 256; keepalive_requests 1000000; }}"
    with _nginx(scratch / "nginx", port, server, GATEWAY_CORE, block) as pids:
        yield Peer("nginx proxy_pass", f"http://127.0.0.1:{port}/demo/x", pids)


@contextmanager
def fastapi(scratch: Path, upstream_port: int) -> Iterator[Peer]:
    """FastAPI with a middleware and httpx: no identity, no limits, no records."""
    port, log = free_port(), scratch / "fastapi.log"
    application = "bench.fastapi_proxy:app"
    command: list[str | Path] = [sys.executable, "-m", "uvicorn", application, f"--port={port}", "--no-access-log"]
    with running(command, GATEWAY_CORE, log, UPSTREAM=f"http://127.0.0.1:{upstream_port}") as process:
        wait_for(f"http://127.0.0.1:{port}/x", process, log)
        yield Peer("FastAPI + httpx", f"http://127.0.0.1:{port}/demo/x", [process.pid])


@contextmanager
def penstock(scratch: Path, upstream_port: int) -> Iterator[Peer]:
    """The whole job: key checked, exact shared limit, identity headers, telemetry into PostgreSQL."""
    port, admin, log, data = free_port(), free_port(), scratch / "penstock.log", scratch / "penstock"
    command: list[str | Path] = [
        Path(sys.executable).parent / "penstock",
        "up",
        f"--data-dir={data}",
        f"--edge-port={port}",
        f"--admin-port={admin}",
        "--grpc-port-base=0",
        "--no-demo",
    ]
    # like its peers without a line per request; the telemetry of each is kept
    with running(command, HELPER_CORE, log, PENSTOCK_ACCESS_LOG="false") as process:
        wait_for(f"http://127.0.0.1:{port}/readyz", process, log)
        wait_for_text(log, "Penstock is up.", process)
        key = _tenant(f"http://127.0.0.1:{admin}", (data / "admin.token"), upstream_port)
        workers = [pid for pid in descendants(process.pid) if command_line(pid)[1:] == ["-m", "edge"]]
        for pid in workers:
            pin(pid, GATEWAY_CORE)
        yield Peer("Penstock", f"http://127.0.0.1:{port}/demo/x", workers, (f"X-API-Key: {key}",))


def _tenant(admin: str, token_file: Path, upstream_port: int) -> str:
    """Registers a tenant whose route leads to the upstream and whose limit is never reached; returns its key."""
    token = token_file.read_text().strip()
    made = _call("POST", f"{admin}/admin/v1/tenants", token, {"slug": "bench", "name": "Bench"})
    tenant = made["tenant"]["id"]
    document = {
        "services": [{"name": "up", "targets": [{"url": f"http://127.0.0.1:{upstream_port}"}]}],
        "routes": [{"name": "demo", "prefix": "/demo", "service": "up"}],
        "limits": {"authenticated": "100000/s"},
    }
    _call("PUT", f"{admin}/admin/v1/tenants/{tenant}/config", token, document)
    return str(made["api_key"])


def _call(method: str, url: str, token: str, body: object) -> dict[str, dict[str, str]]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = Request(url, json.dumps(body).encode(), headers, method=method)  # noqa: S310 - our own loopback
    with urlopen(request, timeout=30) as answer:  # noqa: S310
        found: dict[str, dict[str, str]] = json.load(answer)
        return found


@contextmanager
def _nginx(folder: Path, port: int, server: str, core: int, http: str = "") -> Iterator[list[int]]:
    folder.mkdir()
    log, config = folder / "nginx.log", folder / "nginx.conf"
    config.write_text(
        f"daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;\n"
        "events { worker_connections 2048; }\n"
        f"http {{ access_log off; keepalive_requests 100000000; client_body_temp_path {folder}/body;\n"
        f"proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u;\n"
        f"scgi_temp_path {folder}/s; {http}\n"
        f"server {{ listen 127.0.0.1:{port}; {server} }} }}\n"
    )
    with running([required("nginx"), "-p", folder, "-c", config], core, log) as process:
        wait_for(f"http://127.0.0.1:{port}/", process, log)
        yield [process.pid]
