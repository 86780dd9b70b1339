"""Rolling restarts under load: `python -m bench.restart --requests 100000`. Exit code 1 when a request failed, or when
counters or records do not tell of each request once.

SIGHUP after SIGHUP replaces the edge workers while clients of several kinds ask, none of which ever retries; then
once more under wrk. Needs wrk and nginx.
"""

import argparse
import asyncio
import re
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg
import uvloop

from bench.keepalive import Count, Crowd, crowd_runs
from bench.load import Gateway, run_wrk
from bench.peers import upstream
from bench.penstock import LIMITED, Suite, suite
from domain.tenants import TenantId, schema_name

CROWDS = (
    Crowd("keep-alive, no rest", 16),
    Crowd("keep-alive, rest up to 0.2 s", 64, rest_seconds=0.2),
    Crowd("keep-alive, rest up to 4 s", 256, rest_seconds=4.0),
    Crowd("a connection for each request", 8, fresh=True),
)
WRK_SECONDS = 20
RESTART_SECONDS = 120.0
SETTLE_SECONDS = 60.0
_REPLACED = "all edge workers have been replaced"
_COUNTED = re.compile(r'^gateway_requests_total\{.*path="/demo",status_code="200"\} ([\d.e+]+)$', re.MULTILINE)


async def restart_while(going: Callable[[], bool], running: Suite) -> list[float]:
    """Restarts over and over; how long each restart took, in seconds. The last one is not cut short."""
    took = []
    while going():
        done, started = running.log.read_text().count(_REPLACED), time.perf_counter()
        running.process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(RESTART_SECONDS):
            while running.log.read_text().count(_REPLACED) == done:  # noqa: ASYNC110 - a file tells nobody
                await asyncio.sleep(0.1)
        took.append(time.perf_counter() - started)
    return took


async def clients_and_restarts(running: Suite, asked: Gateway, requests: int) -> tuple[dict[str, Count], list[float]]:
    """Until so many requests have ended; what became of them by crowd, and the restarts."""
    counts = {crowd.name: Count() for crowd in CROWDS}
    restarting = True

    def going() -> bool:
        return sum(count.answered + count.failed for count in counts.values()) < requests

    async with asyncio.TaskGroup() as tasks:
        for crowd in CROWDS:
            work = crowd_runs(
                crowd, _port(running), "/demo/x", asked.headers, counts[crowd.name], lambda: not restarting
            )
            tasks.create_task(work)
        took = await restart_while(going, running)
        restarting = False
    return counts, took


async def wrk_and_restarts(running: Suite, asked: Gateway) -> tuple[int, int, list[float]]:
    """Requests that wrk made, those that failed, and the restarts meanwhile."""
    async with asyncio.TaskGroup() as tasks:
        load = tasks.create_task(asyncio.to_thread(run_wrk, asked, connections=64, seconds=WRK_SECONDS))
        took = await restart_while(lambda: not load.done(), running)
    run = load.result()
    return round(run.rate * WRK_SECONDS), run.failed, took


async def recorded(running: Suite, expected: int) -> tuple[int, int]:
    """Requests by the counters and by the records in PostgreSQL, once both have reached what is expected or do not."""
    connection = await asyncpg.connect((running.data / "secrets/telemetry.database-url").read_text().strip())
    try:
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            found = _counted(running), await _stored(connection, running)
            if min(found) >= expected or time.monotonic() > deadline:
                return found
            await asyncio.sleep(0.5)
    finally:
        await connection.close()


def _counted(running: Suite) -> int:
    text = running.admin.get("/metrics").raise_for_status().text
    return sum(int(float(number)) for number in _COUNTED.findall(text))


def _port(running: Suite) -> int:
    return int(running.edge.rpartition(":")[2])


async def _stored(connection: "asyncpg.Connection[asyncpg.Record]", running: Suite) -> int:
    tenant = running.admin.get("/admin/v1/tenants/restart").raise_for_status().json()["id"]
    table = f"{schema_name(TenantId(tenant))}.requests"
    return int(await connection.fetchval(f"SELECT count(*) FROM {table} WHERE path = '/demo/x'"))  # noqa: S608


async def measure(running: Suite, requests: int) -> bool:
    """Prints the tables; whether nothing failed and nothing was lost."""
    asked = running.tenant("Penstock", "restart", LIMITED)
    counts, took = await clients_and_restarts(running, asked, requests)
    print("| clients | number | answered | failed | connections | told to close | found closed | slowest s |")
    print("|---|---|---|---|---|---|---|---|")
    for crowd in CROWDS:
        count = counts[crowd.name]
        print(
            f"| {crowd.name} | {crowd.size} | {count.answered:,} | {count.failed} | {count.connections:,} "
            f"| {count.said_close:,} | {count.found_closed:,} | {count.slowest_seconds:.2f} |"
        )
        for failure, number in count.failures.items():
            print(f"    {number} × {failure}")
    print(f"\n{len(took)} rolling restarts, the longest {max(took):.1f} s")
    answered = sum(count.answered for count in counts.values())
    counted, stored = await recorded(running, answered)
    print(f"{answered:,} answered, {counted:,} counted, {stored:,} stored\n", flush=True)
    made, failed, took = await wrk_and_restarts(running, asked)
    print(f"wrk: about {made:,} requests, {failed} failed, {len(took)} rolling restarts")
    return failed == 0 and not any(count.failed for count in counts.values()) and answered == counted == stored


def main() -> None:
    """Runs it."""
    arguments = argparse.ArgumentParser(prog="bench.restart", description=__doc__)
    arguments.add_argument("--requests", type=int, default=100_000, help="requests at least, over all restarts")
    arguments.add_argument("--workers", type=int, default=2, help="edge workers")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="restart-") as folder:
        scratch = Path(folder)
        with (
            upstream(scratch) as upstream_port,
            suite(scratch, upstream_port, "0-1", given.workers) as running,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            sound = runner.run(measure(running, given.requests))
    sys.exit(0 if sound else 1)


if __name__ == "__main__":
    main()
