"""The suite as `penstock up` starts it; where it is measured, with the edge's one worker on the gateway's core and the
rest on the other.

Two tenants of the same edge are measured. Both have their key checked (from the edge's cache), identity fields set and
every request recorded in PostgreSQL; one is not limited, the other by an exact limit decided in Valkey each time."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bench.load import Gateway
from bench.processes import (
    GATEWAY_CORE,
    HELPER_CORE,
    START_SECONDS,
    command_line,
    descendants,
    free_port,
    pin,
    running,
    wait_for,
    wait_for_text,
)

UNLIMITED = {"authenticated": "unlimited", "anonymous": "unlimited"}
# Never reached, and counted exactly.
LIMITED = {"authenticated": "100000/s"}


@dataclass(frozen=True, slots=True)
class Suite:
    """A running suite: the edge's URL, the management API with an operator's credential, what it writes and where."""

    process: subprocess.Popen[bytes]
    edge: str
    admin: httpx.Client
    upstream_port: int
    data: Path
    log: Path

    @property
    def workers(self) -> tuple[int, ...]:
        """The edge's processes."""
        return tuple(pid for pid in descendants(self.process.pid) if command_line(pid)[1:] == ["-m", "edge"])

    def tenant(
        self, name: str, slug: str, limits: Mapping[str, str], path: str = "/demo/x", **route: object
    ) -> Gateway:
        """Registers a tenant whose one route leads to the upstream: the gateway that its key makes of the edge. `route`
        are further members of the route in the document."""
        made = self.admin.post("/admin/v1/tenants", json={"slug": slug, "name": name}).raise_for_status().json()
        gateway = Gateway(name, self.edge + path, self.workers, (f"X-API-Key: {made['api_key']}",))
        self.publish(slug, [path.rpartition("/")[0]], limits, **route)
        return gateway

    def publish(self, slug: str, prefixes: list[str], limits: Mapping[str, str], **route: object) -> None:
        """Publishes a document with these prefixes, all for the upstream, and waits until every worker serves it."""
        service = {"name": "up", "targets": [{"url": f"http://127.0.0.1:{self.upstream_port}"}]}
        self.publish_service(slug, service, prefixes, limits, **route)

    def publish_service(
        self, slug: str, service: Mapping[str, object], prefixes: list[str], limits: Mapping[str, str], **route: object
    ) -> None:
        """The same with another service, named `up`."""
        document: dict[str, Any] = {
            "services": [service],
            "routes": [{"name": each.removeprefix("/"), "prefix": each, "service": "up", **route} for each in prefixes],
            "limits": limits,
        }
        made = self.admin.put(f"/admin/v1/tenants/{slug}/config", json=document).raise_for_status().json()
        tenant = self.admin.get(f"/admin/v1/tenants/{slug}").raise_for_status().json()["id"]
        deadline = time.monotonic() + START_SECONDS
        while not self._holds(tenant, made["version"]):
            if time.monotonic() > deadline:
                sys.exit("bench: not every worker takes the document")
            time.sleep(0.05)

    def _holds(self, tenant: str, version: int) -> bool:
        gateways = self.admin.get("/admin/v1/gateways").raise_for_status().json()["items"]
        held = [each["config_version"] for one in gateways for each in one["tenants"] if each["tenant_id"] == tenant]
        return held == [version] * len(gateways)


class Growth:
    """A tenant whose document changes between few routes and many, the one that is asked for in the middle."""

    def __init__(self, suite: Suite, routes: int) -> None:
        self._suite = suite
        self._prefixes = [f"/r{number}" for number in range(routes)]
        self._asked = self._prefixes[routes // 2]
        self.gateway = suite.tenant("Penstock", "growth", UNLIMITED, f"{self._asked}/x")

    def few(self) -> None:
        """Has the one route in force."""
        self._put([self._asked], 404)

    def many(self) -> None:
        """Has all of them in force."""
        self._put(self._prefixes, 200)

    def _put(self, prefixes: list[str], first: int) -> None:
        self._suite.publish("growth", prefixes, UNLIMITED)
        wait_for_status(self.gateway, f"{self._suite.edge}{self._prefixes[0]}/x", first)


def wait_for_status(gateway: Gateway, url: str, status: int) -> None:
    """Waits until the URL is answered with the status."""
    deadline = time.monotonic() + START_SECONDS
    headers = dict(header.split(": ", 1) for header in gateway.headers)
    while (found := httpx.get(url, headers=headers, timeout=5).status_code) != status:
        if time.monotonic() > deadline:
            sys.exit(f"bench: {url} is answered with {found} instead of {status}")
        time.sleep(0.05)


@contextmanager
def measured_suite(scratch: Path, upstream_port: int) -> Iterator[Suite]:
    """Starts the suite, its one worker on the gateway's core."""
    with suite(scratch, upstream_port, HELPER_CORE) as running_suite:
        for pid in running_suite.workers:
            pin(pid, GATEWAY_CORE)
        yield running_suite


@contextmanager
def suite(
    scratch: Path, upstream_port: int, core: int | str, workers: int = 1, options: Sequence[str] = ()
) -> Iterator[Suite]:
    """Starts the suite on these cores, with further options of `penstock up`."""
    port, admin, log, data = free_port(), free_port(), scratch / "penstock.log", scratch / "penstock"
    command: list[str | Path] = [
        Path(sys.executable).parent / "penstock",
        "up",
        f"--data-dir={data}",
        f"--edge-port={port}",
        f"--admin-port={admin}",
        "--grpc-port-base=0",
        f"--workers={workers}",
        "--no-demo",
        *options,
    ]
    # like its peers without a line per request; the telemetry of each is kept
    with running(command, core, log, PENSTOCK_ACCESS_LOG="false") as process:
        wait_for(f"http://127.0.0.1:{port}/readyz", process, log)
        wait_for_text(log, "Penstock is up.", process)
        credential = {"Authorization": f"Bearer {(data / 'admin.token').read_text().strip()}"}
        with httpx.Client(base_url=f"http://127.0.0.1:{admin}", headers=credential, timeout=60) as client:
            yield Suite(process, f"http://127.0.0.1:{port}", client, upstream_port, data, log)
