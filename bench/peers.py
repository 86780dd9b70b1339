"""What stands beside Penstock. Each proxies only: no identity, no limits, no records, no line for a request. Each has
one worker on the gateway's core, kept connections on both sides, and the same nginx behind it."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson

from bench.load import Gateway
from bench.processes import GATEWAY_CORE, HELPER_CORE, free_port, installed, running, wait_for

ANSWER = '{"items": [1, 2, 3], "total": 3, "next_cursor": null}'
PATH = "/demo/x"
LARGE_BYTES = 64 * 1024 * 1024
ENVOY_FOLDER = Path(__file__).parents[1] / ".bench" / "envoy" / "bin"
"""Where `make bench` puts Envoy; one on the PATH serves as well."""


@contextmanager
def upstream(scratch: Path) -> Iterator[int]:
    """nginx answering a small JSON document from memory, on the helpers' core; at /demo/large with LARGE_BYTES."""
    port, large = free_port(), scratch / "large"
    large.touch()
    os.truncate(large, LARGE_BYTES)
    server = f"location / {{ default_type application/json; return 200 '{ANSWER}'; }}"
    server += f"location = /demo/large {{ alias {large}; }}"
    with _nginx(scratch / "upstream", port, server, HELPER_CORE):
        yield port


@contextmanager
def nginx(scratch: Path, upstream_port: int) -> Iterator[Gateway]:
    """nginx with proxy_pass."""
    port = free_port()
    server = 'location / { proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ""; }'
    block = f"upstream u {{ server 127.0.0.1:{upstream_port}; keepalive 256; keepalive_requests 100000000; }}"
    with _nginx(scratch / "nginx", port, server, GATEWAY_CORE, block) as pid:
        yield Gateway("nginx", f"http://127.0.0.1:{port}{PATH}", (pid,))


@contextmanager
def haproxy(scratch: Path, upstream_port: int) -> Iterator[Gateway]:
    """HAProxy with one thread."""
    program, port = installed("haproxy"), free_port()
    config, log = scratch / "haproxy.cfg", scratch / "haproxy.log"
    config.write_text(
        "global\n  nbthread 1\n  maxconn 4096\n"
        "defaults\n  mode http\n  timeout connect 1s\n  timeout client 60s\n  timeout server 60s\n"
        f"frontend f\n  bind 127.0.0.1:{port}\n  default_backend b\n"
        f"backend b\n  http-reuse always\n  server s 127.0.0.1:{upstream_port}\n"
    )
    with running([program, "-db", "-f", config], GATEWAY_CORE, log) as process:
        wait_for(f"http://127.0.0.1:{port}/", process, log)
        yield Gateway("HAProxy", f"http://127.0.0.1:{port}{PATH}", (process.pid,))


@contextmanager
def envoy(scratch: Path, upstream_port: int) -> Iterator[Gateway]:
    """Envoy with the router alone; what the others do not do either, ids and fields of its own, is switched off."""
    program = ENVOY_FOLDER / "envoy"
    port, config, log = free_port(), scratch / "envoy.json", scratch / "envoy.log"
    config.write_bytes(orjson.dumps(_envoy_config(port, upstream_port)))
    command: list[str | Path] = [program if program.exists() else installed("envoy"), "-c", config]
    command += ["--concurrency", "1", "--disable-hot-restart", "-l", "warning"]
    with running(command, GATEWAY_CORE, log) as process:
        wait_for(f"http://127.0.0.1:{port}/", process, log)
        yield Gateway("Envoy", f"http://127.0.0.1:{port}{PATH}", (process.pid,))


@contextmanager
def asgi(scratch: Path, upstream_port: int) -> Iterator[Gateway]:
    """A bare ASGI application on uvicorn."""
    with _uvicorn("bench.asgi_proxy:app", scratch / "asgi.log", f"127.0.0.1:{upstream_port}") as (port, pid):
        yield Gateway("bare ASGI proxy", f"http://127.0.0.1:{port}{PATH}", (pid,))


@contextmanager
def fastapi(scratch: Path, upstream_port: int) -> Iterator[Gateway]:
    """FastAPI with a middleware and httpx."""
    with _uvicorn("bench.fastapi_proxy:app", scratch / "fastapi.log", f"http://127.0.0.1:{upstream_port}") as running:
        yield Gateway("FastAPI + httpx", f"http://127.0.0.1:{running[0]}{PATH}", (running[1],))


@contextmanager
def _uvicorn(application: str, log: Path, upstream_address: str) -> Iterator[tuple[int, int]]:
    port = free_port()
    command: list[str | Path] = [sys.executable, "-m", "uvicorn", application, f"--port={port}", "--no-access-log"]
    command += ["--loop=uvloop", "--http=httptools", "--no-proxy-headers", "--no-server-header", "--no-date-header"]
    with running(command, GATEWAY_CORE, log, UPSTREAM=upstream_address) as process:
        wait_for(f"http://127.0.0.1:{port}/x", process, log)
        yield port, process.pid


def _envoy_config(port: int, upstream_port: int) -> dict[str, object]:
    def address(number: int) -> dict[str, object]:
        return {"socket_address": {"address": "127.0.0.1", "port_value": number}}

    extensions = "type.googleapis.com/envoy.extensions.filters"
    router = {"@type": f"{extensions}.http.router.v3.Router", "suppress_envoy_headers": True}
    route = {"match": {"prefix": "/"}, "route": {"cluster": "u"}}
    manager = {
        "@type": f"{extensions}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "h",
        "generate_request_id": False,
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": router}],
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    endpoint = {"endpoint": {"address": address(upstream_port)}}
    cluster = {
        "name": "u",
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": "u", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
    listener = {"name": "l", "address": address(port), "filter_chains": [{"filters": filters}]}
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


@contextmanager
def _nginx(folder: Path, port: int, server: str, core: int, http: str = "") -> Iterator[int]:
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
    with running([installed("nginx"), "-p", folder, "-c", config], core, log) as process:
        wait_for(f"http://127.0.0.1:{port}/", process, log)
        yield process.pid
