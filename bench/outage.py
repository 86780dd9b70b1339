"""What clients feel when ratelimitsvc or its Redis is away: `python -m bench.outage --seconds 5`. Exit code 1 when a
request fails that must not.

Clients of three routes, one for each mode of `on_outage`, ask all the time; then something happens. In the modes open
and local no request may fail. In the mode strict they are answered 503 until the counters are shared again, which
tells how long that takes. Needs nginx.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from bench.faults import FAULTS, Fault, OwnRedis, own_redis
from bench.keepalive import Client, Count
from bench.load import Gateway
from bench.peers import upstream
from bench.penstock import Suite, suite

MODES = ("open", "local", "strict")
CLIENTS = 8
REST_SECONDS = 0.002
FIRST_SECONDS = 0.1
"""From the beginning of a fault on, for whom it hits unprepared."""
REFUSED = "HTTP/1.1 503 Service Unavailable"


@dataclass(frozen=True, slots=True)
class Sample:
    """One request: when it began, how long it took, whether it was answered 200, 503 or otherwise (seconds)."""

    began: float
    took: float
    outcome: str


@dataclass
class Run:
    """One fault: its beginning and end, and the requests by mode."""

    samples: dict[str, list[Sample]] = field(default_factory=lambda: {mode: [] for mode in MODES})
    began: float = 0.0
    ended: float = 0.0

    def failed(self, mode: str) -> int:
        """Requests that must not fail and did."""
        good = ("200", "503") if mode == "strict" else ("200",)
        return sum(each.outcome not in good for each in self.samples[mode])

    def row(self, mode: str) -> str:
        """A line of the table: before the fault, as it begins, while it lasts."""
        samples = self.samples[mode]
        before = [each.took for each in samples if each.began + each.took < self.began]
        first = [each.took for each in samples if self.began - each.took <= each.began < self.began + FIRST_SECONDS]
        during = [each.took for each in samples if self.began + FIRST_SECONDS <= each.began < self.ended]
        usual = statistics.median(before)
        columns = (
            f"{len(samples):,}",
            str(self.failed(mode)),
            str(sum(each.outcome == "503" for each in samples)),
            f"{usual * 1e3:.1f}",
            f"{p99(before) * 1e3:.1f}",
            f"{(max(first, default=usual) - usual) * 1e3:.1f}",
            f"{p99(during) * 1e3:.1f}",
        )
        return " | ".join(columns)

    @property
    def shared_again(self) -> float:
        """Seconds from the end of the fault to the last answer without shared counters."""
        refused = [each.began + each.took for each in self.samples["strict"] if each.outcome == "503"]
        return max(0.0, max(refused, default=self.ended) - self.ended)


def p99(values: Sequence[float]) -> float:
    """The 99th of a hundred, 0 of none."""
    return sorted(values)[len(values) * 99 // 100] if values else 0.0


async def measured(gateways: dict[str, Gateway], fault: AbstractContextManager[None], port: int, seconds: float) -> Run:
    """Load before, during and after a fault."""
    run, over = Run(), asyncio.Event()

    async def ask(mode: str) -> None:
        count = Count()
        client = Client(port, f"/{mode}/x", gateways[mode].headers, count)
        while not over.is_set():
            began, answered = time.perf_counter(), count.answered
            await client.get()
            took = time.perf_counter() - began
            failure = next(iter(count.failures), "")
            count.failures.clear()
            outcome = "200" if count.answered > answered else "503" if failure == REFUSED else failure
            run.samples[mode].append(Sample(began, took, outcome))
            await asyncio.sleep(REST_SECONDS)
        client.close()

    async with asyncio.TaskGroup() as tasks:
        for mode in MODES:
            for _ in range(CLIENTS):
                tasks.create_task(ask(mode))
        await asyncio.sleep(seconds)
        run.began = time.perf_counter()
        await asyncio.to_thread(fault.__enter__)
        await asyncio.sleep(seconds)
        run.ended = time.perf_counter()
        await asyncio.to_thread(fault.__exit__, None, None, None)
        await asyncio.sleep(seconds)
        over.set()
    return run


def measure(running: Suite, redis: OwnRedis, faults: dict[str, Fault], seconds: float) -> bool:
    """Prints the table; whether nothing failed that must not."""
    gateways = {
        mode: running.tenant(
            mode, f"outage-{mode}", {}, f"/{mode}/x", limit={"authenticated": "100000/s", "on_outage": mode}
        )
        for mode in MODES
    }
    port = int(running.edge.rpartition(":")[2])
    print(
        "| fault | mode | requests | failed | 503 | p50 ms | p99 ms | added at first ms | p99 ms while away |", end=""
    )
    print(" shared again after s |\n|---|---|---|---|---|---|---|---|---|---|")
    sound = True
    for name, fault in faults.items():
        run = asyncio.run(measured(gateways, fault(running.process.pid, redis), port, seconds))
        for mode in MODES:
            sound = sound and not run.failed(mode)
            print(f"| {name} | {mode} | {run.row(mode)} | {run.shared_again:.2f} |", flush=True)
    return sound


def main() -> None:
    """Runs it."""
    arguments = argparse.ArgumentParser(prog="bench.outage", description=__doc__)
    arguments.add_argument("--seconds", type=float, default=5.0, help="before, during and after each fault")
    arguments.add_argument("--workers", type=int, default=1, help="edge workers")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="outage-") as folder:
        scratch = Path(folder)
        with (
            upstream(scratch) as upstream_port,
            own_redis(scratch) as redis,
            suite(scratch, upstream_port, "0-1", given.workers, (f"--redis-url={redis.url}",)) as running,
        ):
            sound = measure(running, redis, dict(FAULTS), given.seconds)
    sys.exit(0 if sound else 1)


if __name__ == "__main__":
    main()
