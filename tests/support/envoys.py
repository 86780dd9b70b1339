"""A real Envoy with filters of the tested kind, in front of an answer of its own or of another server; everything
on Unix sockets."""

import asyncio
import contextlib
import secrets
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

ROOT = Path(__file__).parents[2]
# Its package and ours need different things of the folder `envoy`: it is installed where `make bench` has it, too.
INSTALLED = Path(".bench/envoy/bin/envoy")
DEADLINE_SECONDS = 60
SERVICE = "service"
"""The cluster of the service that a filter asks."""
BACK = "back"
"""The cluster that routes lead to."""


def envoy_program() -> str:
    """Envoy's path, installed if need be; the test is skipped where that is not possible."""
    return shutil.which("envoy") or str(made(INSTALLED))


def made(target: Path) -> Path:
    """What the Makefile installs there, made if need be; the test is skipped where that is not possible."""
    if not (ROOT / target).exists():
        subprocess.run(["make", target], cwd=ROOT, check=False, capture_output=True, timeout=DEADLINE_SECONDS)
    if not (ROOT / target).exists():
        pytest.skip(f"`make {target}` could not install it")
    return ROOT / target


@dataclass(frozen=True, slots=True)
class Envoy:
    """A running Envoy."""

    client: httpx.AsyncClient

    async def get(self, path: str, headers: Mapping[bytes, bytes] | None = None, method: str = "GET") -> httpx.Response:
        """Its answer to a request."""
        return await self.client.request(method, f"http://envoy{path}", headers=dict(headers or {}))


@asynccontextmanager
async def running_envoy(
    folder: Path, filters: Mapping[str, Any], routes: Sequence[Any], service: str, *, back: str | None = None
) -> AsyncIterator[Envoy]:
    """Envoy with `filters` by name, one of which asks `service` (`unix:…`), and `routes` to what answers at the Unix
    socket `back`, or to an answer of Envoy's own. `folder` has a short path.
    """
    own = folder / secrets.token_hex(4)
    own.mkdir()
    config = own / "envoy.json"
    config.write_bytes(orjson.dumps(_config(own, filters, routes, service.removeprefix("unix:"), back)))
    process = await asyncio.create_subprocess_exec(
        *(envoy_program(), "-c", config, "--concurrency", "1", "--disable-hot-restart", "-l", "info"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            await _started(process.stderr)
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(process.stderr.read())
            transport = httpx.AsyncHTTPTransport(uds=str(own / "front"))
            async with httpx.AsyncClient(transport=transport, timeout=DEADLINE_SECONDS) as client:
                yield Envoy(client)
            reading.cancel()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def asking_service(token: str = "") -> dict[str, Any]:
    """How a filter reaches the service; `token` is presented where there is one."""
    initial = [{"key": "authorization", "value": f"Bearer {token}"}] if token else []
    return {
        "transport_api_version": "V3",
        "grpc_service": {"envoy_grpc": {"cluster_name": SERVICE}, "initial_metadata": initial},
    }


async def _started(lines: asyncio.StreamReader) -> None:
    log = []
    while line := await lines.readline():
        log.append(line.decode())
        if "starting main dispatch loop" in log[-1]:
            return
    raise AssertionError("".join(log))


def _config(
    folder: Path, filters: Mapping[str, Any], routes: Sequence[Any], service: str, back: str | None
) -> dict[str, Any]:
    here = {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "here\n"}}}
    own_back = [] if back else [_listener(folder / "back", [here], [])]
    http2 = {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}},
        }
    }
    return {
        "static_resources": {
            "listeners": [
                _listener(
                    folder / "front",
                    routes,
                    [{"name": name, "typed_config": config} for name, config in filters.items()],
                ),
                *own_back,
            ],
            "clusters": [
                _cluster(BACK, back or str(folder / "back")),
                _cluster(SERVICE, service) | {"typed_extension_protocol_options": http2},
            ],
        }
    }


def _listener(path: Path, routes: Sequence[Any], filters: list[Any]) -> dict[str, Any]:
    extensions = "type.googleapis.com/envoy.extensions.filters"
    router = {"name": "router", "typed_config": {"@type": f"{extensions}.http.router.v3.Router"}}
    manager = {
        "@type": f"{extensions}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": path.name,
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
        "http_filters": [*filters, router],
    }
    chain = {"filters": [{"name": "http", "typed_config": manager}]}
    return {"name": path.name, "address": {"pipe": {"path": str(path)}}, "filter_chains": [chain]}


def _cluster(name: str, path: str) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": {"pipe": {"path": path}}}}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
