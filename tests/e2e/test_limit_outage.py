"""Limits while ratelimitsvc or its Redis is away, under load through two edge workers: in the modes open and local no
request fails, in local at most so many more pass, in strict none passes; afterwards all counters are shared again.

How long requests take meanwhile is measured by `python -m bench.outage`.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bench.faults import FAULTS, Fault, OwnRedis, own_redis
from bench.keepalive import Count, Crowd, crowd_runs
from tests.e2e.suite import EVENT_SECONDS, Suite, Tenant, config, eventually, running_suite
from tests.e2e.upstream import recording_upstream

WORKERS = 2
FEW = 10
LOAD_SECONDS = 240.0
SHARED_SECONDS = 60.0
"""A busy machine opens the breaker now and then: so long may it be until both workers share again."""


@dataclass(frozen=True)
class Served:
    """A running suite whose limits are counted in a Redis of ours, and the address of an upstream."""

    suite: Suite
    redis: OwnRedis
    upstream_url: str

    @property
    def port(self) -> int:
        return urlsplit(self.suite.edge_url).port or 0

    def tenant(self) -> Tenant:
        """A tenant with a route for each mode, and one with a small limit."""
        tenant, document = self.suite.register(), config(self.upstream_url)
        limits = {mode: {"authenticated": "1000000/s", "on_outage": mode} for mode in ("open", "local", "strict")}
        limits["few"] = {"authenticated": f"{FEW}/10min", "on_outage": "local"}
        document["routes"] = [
            {"name": name, "prefix": f"/{name}", "service": "up", "limit": limit} for name, limit in limits.items()
        ]
        self.suite.publish(tenant, document)
        return tenant

    def statuses(self, tenant: Tenant, path: str, times: int) -> list[int]:
        """Of so many requests, each on a connection of its own and so with one of the workers."""
        return [self._status(tenant, path) for _ in range(times)]

    def _status(self, tenant: Tenant, path: str) -> int:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=EVENT_SECONDS)
        with closing(connection):
            connection.request("GET", path, headers={"X-API-Key": tenant.key})
            return connection.getresponse().status

    def shared(self, tenant: Tenant) -> bool:
        """Whether the workers decide by shared counters."""
        return set(self.statuses(tenant, "/strict/x", 8)) == {200}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, short_dir: Path) -> Iterator[Served]:
    folder = short_dir / "outage"
    with recording_upstream() as upstream, own_redis(folder) as redis:
        options = ("--no-demo", f"--workers={WORKERS}", f"--redis-url={redis.url}")
        with running_suite(tmp_path_factory.mktemp("outage"), *options) as suite:
            yield Served(suite, redis, upstream.url)


async def _load(port: int, path: str, tenant: Tenant, count: Count, over: Callable[[], bool]) -> None:
    async with asyncio.timeout(LOAD_SECONDS):
        crowd = Crowd(path, 4, rest_seconds=0.01)
        await crowd_runs(crowd, port, path, (f"X-API-Key: {tenant.key}",), count, over)


def more(count: Count, requests: int) -> None:
    """Waits until so many more have been answered, or one has failed."""
    enough, deadline = count.answered + requests, time.monotonic() + EVENT_SECONDS
    eventually(lambda: count.answered >= enough or count.failed > 0 or time.monotonic() > deadline)
    assert count.answered >= enough, count.failures


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_no_request_fails_and_no_more_pass_than_is_promised(served: Served, fault: Fault) -> None:
    tenant, over = served.tenant(), False
    counts = {mode: Count() for mode in ("open", "local")}
    eventually(lambda: served.shared(tenant), SHARED_SECONDS)
    with ThreadPoolExecutor() as threads:
        loads = [
            threads.submit(asyncio.run, _load(served.port, f"/{mode}/x", tenant, count, lambda: over))
            for mode, count in counts.items()
        ]
        try:
            before = served.statuses(tenant, "/few/x", 3)
            more(counts["open"], 50)
            with fault(served.suite.process.pid, served.redis):
                eventually(lambda: 503 in served.statuses(tenant, "/strict/x", 4))
                meanwhile = served.statuses(tenant, "/few/x", 4 * FEW)
                for count in counts.values():
                    more(count, 100)
            eventually(lambda: served.shared(tenant), SHARED_SECONDS)
            for count in counts.values():
                more(count, 50)
        finally:
            over = True
        for load in loads:
            load.result()
    assert {mode: count.failures for mode, count in counts.items()} == {"open": {}, "local": {}}
    assert set(before) == {200}
    assert set(meanwhile) <= {200, 429}
    assert meanwhile.count(200) <= WORKERS * FEW + FEW
