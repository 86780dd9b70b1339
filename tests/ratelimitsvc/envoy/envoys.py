"""A real Envoy in front of an answer of its own, asking a service about limits; everything on Unix sockets."""

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

ROOT = Path(__file__).parents[3]
# Its package and ours need different things of the folder `envoy`: it is installed where `make bench` has it, too.
INSTALLED = Path(".bench/envoy/bin/envoy")
DEADLINE_SECONDS = 60
OVERRIDE = {"requests_per_unit": 2, "unit": "HOUR"}
# Where a route's `RateLimit.limit` finds it.
OVERRIDE_KEY = {"dynamic_metadata": {"metadata_key": {"key": "test.limits", "path": [{"key": "override"}]}}}


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

    async def get(self, path: str, headers: Mapping[bytes, bytes] | None = None) -> httpx.Response:
        """Its answer to a request."""
        return await self.client.get(f"http://envoy{path}", headers=dict(headers or {}))


@asynccontextmanager
async def running_envoy(
    folder: Path,
    service: str,
    rules: Mapping[str, Sequence[Any]],
    *,
    domain: str = "acme",
    token: str = "",
    deny_on_failure: bool = False,
) -> AsyncIterator[Envoy]:
    """Envoy with a route for each prefix in `rules`, whose actions make descriptors; `service` answers (`unix:…`).

    In place of a list of actions there may be all of a `RateLimit`. Every request carries `OVERRIDE` in its metadata.
    `folder` has a short path.
    """
    own = folder / secrets.token_hex(4)
    own.mkdir()
    config = own / "envoy.json"
    config.write_bytes(orjson.dumps(_config(own, service, rules, domain, token, deny_on_failure)))
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


async def _started(lines: asyncio.StreamReader) -> None:
    log = []
    while line := await lines.readline():
        log.append(line.decode())
        if "starting main dispatch loop" in log[-1]:
            return
    raise AssertionError("".join(log))


def _config(
    folder: Path,
    service: str,
    rules: Mapping[str, Sequence[Any]],
    domain: str,
    token: str,
    deny_on_failure: bool,
) -> dict[str, Any]:
    extensions = "type.googleapis.com/envoy.extensions"
    initial = [{"key": "authorization", "value": f"Bearer {token}"}] if token else []
    limiting = {
        "@type": f"{extensions}.filters.http.ratelimit.v3.RateLimit",
        "domain": domain,
        "timeout": "10s",
        "failure_mode_deny": deny_on_failure,
        "enable_x_ratelimit_headers": "DRAFT_VERSION_03",
        "rate_limit_service": {
            "transport_api_version": "V3",
            "grpc_service": {"envoy_grpc": {"cluster_name": "limits"}, "initial_metadata": initial},
        },
    }
    routes = [
        {
            "match": {"prefix": prefix},
            **_limited([each if isinstance(each, dict) else {"actions": each} for each in limits]),
        }
        for prefix, limits in rules.items()
    ]
    describing = {
        "@type": f"{extensions}.filters.http.set_metadata.v3.Config",
        "metadata": [{"metadata_namespace": "test.limits", "value": {"override": OVERRIDE}}],
    }
    filters = [{"name": "describe", "typed_config": describing}, {"name": "limit", "typed_config": limiting}]
    here = {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "here\n"}}}
    http2 = {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": f"{extensions}.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}},
        }
    }
    return {
        "static_resources": {
            "listeners": [
                _listener(folder / "front", routes, filters),
                _listener(folder / "back", [here], []),
            ],
            "clusters": [
                _cluster("back", str(folder / "back")),
                _cluster("limits", service.removeprefix("unix:")) | {"typed_extension_protocol_options": http2},
            ],
        }
    }


def _limited(limits: list[dict[str, Any]]) -> dict[str, Any]:
    """Route and limits. Those of the route itself may bring a limit along, those of the filter may count in units:
    Envoy passes over either in the other place."""
    if not any("hits_addend" in each for each in limits):
        return {"route": {"cluster": "back", "rate_limits": limits}}
    kind = "type.googleapis.com/envoy.extensions.filters.http.ratelimit.v3.RateLimitPerRoute"
    return {"route": {"cluster": "back"}, "typed_per_filter_config": {"limit": {"@type": kind, "rate_limits": limits}}}


def _listener(path: Path, routes: list[Any], filters: list[Any]) -> dict[str, Any]:
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
