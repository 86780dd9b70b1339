"""Two edge workers as processes, replaced and killed: no request of a kept connection fails, each is counted and
recorded once, and what a dead worker has counted stays.

The long form, with 100,000 requests and many restarts, is `python -m bench.restart`.
"""

import asyncio
import os
import re
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest

from bench.keepalive import Count, Crowd, crowd_runs
from domain.tenants import TenantId, schema_name
from tests.e2e.suite import Suite, Tenant, config, eventually, running_suite
from tests.e2e.test_up import processes
from tests.e2e.upstream import recording_upstream

REPLACED = "all edge workers have been replaced"
CROWDS = (Crowd("busy", 4), Crowd("at rest", 32, rest_seconds=1.0), Crowd("fresh", 2, fresh=True))
LOAD_SECONDS = 120.0
COUNTED = re.compile(r'^gateway_requests_total\{method="GET",path="/api",status_code="200"\} (\S+)$', re.MULTILINE)


@dataclass
class Served:
    """A running suite with a tenant, and how many of its requests have been answered since it was registered."""

    folder: Path
    suite: Suite
    tenant: Tenant
    answered: int = 0

    def ask(self, over: Callable[[Count], bool]) -> Count:
        """Has all crowds ask until it is over."""
        count = Count()
        asyncio.run(self._load(count, lambda: over(count)))
        self.answered += count.answered
        return count

    async def _load(self, count: Count, over: Callable[[], bool]) -> None:
        port, key = urlsplit(self.suite.edge_url).port, f"X-API-Key: {self.tenant.key}"
        assert port is not None
        async with asyncio.timeout(LOAD_SECONDS), asyncio.TaskGroup() as tasks:
            for crowd in CROWDS:
                tasks.create_task(crowd_runs(crowd, port, "/api/x", (key,), count, over))

    def are_counted(self) -> bool:
        """Whether the metrics tell of each answered request once."""
        text = httpx.get(f"{self.suite.admin_url}/metrics", headers=self.suite.operator, trust_env=False).text
        return sum(float(number) for number in COUNTED.findall(text)) == self.answered

    def are_recorded(self) -> bool:
        """Whether the tenant's schema holds each answered request once."""
        return asyncio.run(self._records()) == self.answered

    async def _records(self) -> int:
        url = (self.suite.data_dir / "secrets" / "telemetry.database-url").read_text().strip()
        connection = await asyncpg.connect(url)
        try:
            table = f"{schema_name(TenantId(self.tenant.id))}.requests"
            return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))  # noqa: S608
        finally:
            await connection.close()

    def worker(self, slot: int) -> int:
        """The process of a worker slot."""
        (found,) = (
            pid for pid, _, command in processes() if command.strip().endswith("-m edge") and self._is(pid, slot)
        )
        return found

    def _is(self, pid: int, slot: int) -> bool:
        told = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        return {f"PENSTOCK_WORKER_SLOT={slot}".encode(), f"PENSTOCK_DATA_DIR={self.suite.data_dir}/edge".encode()} <= {
            *told
        }

    def said(self, text: str) -> int:
        """How often the log has said it."""
        return self.suite.log.read_text().count(text)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Two workers."""
    folder = tmp_path_factory.mktemp("restart")
    with recording_upstream() as upstream, running_suite(folder, "--no-demo", "--workers=2") as suite:
        tenant = suite.register()
        document = config(upstream.url, authenticated="100000/s")
        del document["services"][0]["timeout"]
        suite.publish(tenant, document)
        yield Served(folder, suite, tenant)


def test_no_request_fails_while_the_workers_are_replaced(served: Served) -> None:
    before = [served.worker(slot) for slot in (0, 1)]
    served.suite.process.send_signal(signal.SIGHUP)
    count = served.ask(lambda count: served.said(REPLACED) == 1 and count.answered + count.failed >= 2_000)
    assert count.failures == {}
    assert count.said_close > 0, "connections of the old workers were ended by their last answer"
    assert not {*before} & {served.worker(slot) for slot in (0, 1)}
    assert eventually(served.are_counted)
    assert eventually(served.are_recorded)


def test_what_a_killed_worker_has_counted_stays(served: Served) -> None:
    served.ask(lambda count: count.answered >= 200)
    assert eventually(served.are_counted)
    ready = served.said("edge-0 is ready")
    os.kill(served.worker(0), signal.SIGKILL)
    eventually(lambda: served.said("edge-0 is ready") > ready, 60)
    assert served.are_counted()
    assert served.ask(lambda count: count.answered + count.failed >= 200).failures == {}
    assert eventually(served.are_counted)
    assert eventually(served.are_recorded)


def test_counts_outlive_a_restart_with_fewer_workers(served: Served) -> None:
    served.suite.process.terminate()
    assert served.suite.process.wait(60) == 0
    with running_suite(served.folder, "--no-demo", "--workers=1") as suite:
        again = replace(served, suite=suite)
        assert again.are_counted()
        assert again.ask(lambda count: count.answered + count.failed >= 200).failures == {}
        assert eventually(again.are_counted)
        assert eventually(again.are_recorded)
