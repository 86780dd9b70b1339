"""Starts `penstock up` as a user would and speaks to it over HTTP and gRPC."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import asyncpg
import httpx

from svckit.migrations import quoted_schema
from tests.support.ports import free_port

START_SECONDS = 90.0
EVENT_SECONDS = 15.0
T = TypeVar("T")


@dataclass(frozen=True)
class Tenant:
    """A registered tenant and its first key."""

    id: str
    slug: str
    key: str
    hosts: tuple[str, ...]


@dataclass
class Suite:
    """A running cluster."""

    data_dir: Path
    edge_url: str
    admin_url: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def operator(self) -> dict[str, str]:
        """The operator's credential as headers."""
        return {"Authorization": f"Bearer {(self.data_dir / 'admin.token').read_text().strip()}"}

    def socket(self, process: str) -> Path:
        """The Unix socket of a service."""
        found = re.search(rf'unix:([^":\s]*/{process}\.sock)', self.log.read_text())
        assert found is not None
        return Path(found[1])

    def edge(self, path: str, *, method: str = "GET", **headers: str) -> httpx.Response:
        """One request through the edge; keyword `x_api_key` becomes the header `x-api-key`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.request(
            method,
            f"{self.edge_url}{path}",
            headers=named,
            timeout=30,
            trust_env=False,
            verify=False,  # noqa: S501 - for whom its certificate is has tests of its own
        )

    def admin(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """One call of the management API, as the operator unless told otherwise."""
        return httpx.request(
            method,
            f"{self.admin_url}/admin/v1{path}",
            json=body,
            headers=self.operator if headers is None else headers,
            timeout=30,
            trust_env=False,
        )

    def done(self, method: str, path: str, body: object = None) -> Any:
        """The content of a management call that must succeed."""
        answer = self.admin(method, path, body)
        assert answer.is_success, (answer.status_code, answer.text)
        return answer.json()

    def register(self, *hosts: str) -> Tenant:
        """A new tenant with a name of its own."""
        slug = f"t-{uuid4().hex[:12]}"
        made = self.done("POST", "/tenants", {"slug": slug, "name": slug, "hosts": list(hosts)})
        assert made["config_version"] == 1
        return Tenant(made["tenant"]["id"], slug, made["api_key"], hosts)

    def publish(self, tenant: Tenant, document: object) -> int:
        """Publishes a config, plain data or YAML as bytes, and waits until every gateway has applied it; returns its
        version."""
        path = f"/tenants/{tenant.id}/config"
        answer = (
            httpx.put(
                f"{self.admin_url}/admin/v1{path}",
                content=document,
                headers={**self.operator, "Content-Type": "application/yaml"},
                timeout=30,
                trust_env=False,
            )
            if isinstance(document, bytes)
            else self.admin("PUT", path, document)
        )
        assert answer.is_success, answer.text
        version = int(answer.json()["version"])
        eventually(lambda: self._applied(tenant, version))
        return version

    def _applied(self, tenant: Tenant, version: int) -> bool:
        gateways = self.done("GET", "/gateways")["items"]
        held = [
            (each["config_version"], each["state"])
            for gateway in gateways
            for each in gateway["tenants"]
            if each["tenant_id"] == tenant.id
        ]
        return bool(held) and all(version_ == version and state == "applied" for version_, state in held)

    def logs(self, tenant: Tenant, **filters: str) -> list[dict[str, Any]]:
        """The tenant's request records, newest first."""
        found: list[dict[str, Any]] = self.done("GET", f"/tenants/{tenant.id}/logs?{httpx.QueryParams(filters)}")[
            "items"
        ]
        return found

    def schemas_holding(self, request_id: str) -> list[str]:
        """The schemas of telemetrysvc's database with a record of the request, asked of PostgreSQL itself."""
        url = (self.data_dir / "secrets" / "telemetry.database-url").read_text().strip()
        return asyncio.run(_schemas_holding(url, request_id))


async def _schemas_holding(url: str, request_id: str) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch(
            "SELECT table_schema FROM information_schema.columns"
            " WHERE table_name = 'requests' AND column_name = 'request_id'"
        )
        found = []
        for (schema,) in tables:
            rows = f"SELECT 1 FROM {quoted_schema(schema)}.requests WHERE request_id = $1"  # noqa: S608
            if await connection.fetchval(rows, request_id):
                found.append(schema)
        return found
    finally:
        await connection.close()


def config(upstream_url: str, **limits: str) -> dict[str, Any]:
    """A document with a required, an optional and an open route to one upstream."""
    return {
        "services": [{"name": "up", "targets": [{"url": upstream_url}], "timeout": "1s"}],
        "routes": [
            {"name": "api", "prefix": "/api", "service": "up"},
            {"name": "open", "prefix": "/open", "service": "up", "auth": "none"},
            {"name": "maybe", "prefix": "/maybe", "service": "up", "auth": "optional"},
        ],
        "limits": limits or {"authenticated": "500/min"},
    }


def eventually(what: Callable[[], T | None], seconds: float = EVENT_SECONDS) -> T:
    """The first true result of `what`, which is asked again and again until the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        result = what()
        if result:
            return result
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@contextmanager
def running_suite(folder: Path, *options: str, **variables: str) -> Iterator[Suite]:
    """Runs `penstock up` until the block is left, then expects a clean end."""
    with started_suite(folder, *options, **variables) as suite:
        yield suite
        suite.process.send_signal(signal.SIGTERM)
        assert suite.process.wait(30) == 0, suite.log.read_text()[-4000:]


@contextmanager
def started_suite(folder: Path, *options: str, **variables: str) -> Iterator[Suite]:
    """Starts `penstock up` with more variables in its environment and waits until it is ready; whoever uses it ends
    it."""
    edge_port, admin_port, data_dir, log = free_port(), free_port(), folder / "data", folder / "up.log"
    command = [
        str(Path(sys.executable).parent / "penstock"),
        "up",
        f"--data-dir={data_dir}",
        f"--edge-port={edge_port}",
        f"--admin-port={admin_port}",
        "--grpc-port-base=0",
        *(options or ("--no-demo",)),
    ]
    with log.open("wb") as output:
        environment = {**os.environ, "NO_COLOR": "1", **variables}
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    scheme = "https" if "--tls-keys" in "".join(options) else "http"
    suite = Suite(data_dir, f"{scheme}://127.0.0.1:{edge_port}", f"http://127.0.0.1:{admin_port}", process, log)
    try:
        eventually(lambda: _up(suite), START_SECONDS)
        yield suite
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _up(suite: Suite) -> bool:
    assert suite.process.poll() is None, suite.log.read_text()[-4000:]
    try:
        ready = httpx.get(f"{suite.edge_url}/readyz", timeout=5, trust_env=False, verify=False)  # noqa: S501 - as above
    except httpx.TransportError:
        return False
    return ready.status_code == 200 and "Penstock is up." in suite.log.read_text()
