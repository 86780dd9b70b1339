"""Measures ratelimitsvc: `python -m bench.limits`. Decisions through the stream at 1, 64, 256 and 1,024 callers, beside
what the same Redis does with the same script and batches in the same run; then Redis alone, store by store.

ratelimitsvc has a core of its own; Redis and the load share the other one. So what a whole core would do is told by
CPU time, for ratelimitsvc as for Redis: other load on the machine hardly changes it.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from statistics import median, quantiles

import grpc
import orjson
import redis
import uvloop
from penstock.ratelimit.v1 import limit_pb2
from penstock.ratelimit.v1 import rate_limit_service_pb2 as pb
from penstock.ratelimit.v1 import rate_limit_service_pb2_grpc as pb_grpc

from bench.decisions import LIMIT, Callers, Keys, batched, commands, lasting, straight
from bench.processes import GATEWAY_CORE, HELPER_CORE, core_busy_seconds, cpu_seconds, moved_to, running, settle
from bench.report import table
from bench.stores import Server, asking_program, measure_stores
from penstockctl.embedded.valkey import prepare_valkey
from penstockctl.gates import wait_until_open
from ratelimitsvc.batch import Layout
from ratelimitsvc.counters import script
from svckit.channels import open_channel
from svckit.identity import ProcessIdentity, generate_identity

ALGORITHMS = {
    "sliding window": limit_pb2.ALGORITHM_SLIDING_WINDOW,
    "token bucket": limit_pb2.ALGORITHM_TOKEN_BUCKET,
}
KEYS = 10_000
WARM_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Run:
    """One run: decisions a second, mean size of a batch, milliseconds of a batch, CPU time in microseconds a decision
    of the service and of Redis, how busy the service kept its core and all others theirs, and the decisions a second
    of CPU time that Redis makes with batches as large when nothing stands in front of it."""

    rate: float
    batch: float
    p50_ms: float
    p99_ms: float
    failed: int
    service_us: float
    service_busy: float
    redis_us: float
    helper_busy: float
    ceiling: float


@dataclass(frozen=True, slots=True)
class Measured:
    """What is measured."""

    service: int
    redis: int
    socket: str
    target: str
    edge: ProcessIdentity

    def channel(self) -> grpc.aio.Channel:
        """A channel as an edge has it."""
        return open_channel(self.target, self.edge, "ratelimitsvc")

    async def run(self, keys: Keys, callers: int, seconds: float) -> Run:
        """One run of so many callers."""
        with redis.Redis(unix_socket_path=self.socket) as client:
            client.flushall()
        settle()
        async with self.channel() as channel:
            await channel.channel_ready()
            load_of = Callers(channel, keys, callers)
            async with load_of.asking():
                await asyncio.sleep(WARM_SECONDS)
                load, began, before = load_of.begin(), time.perf_counter(), self._spent()
                await asyncio.sleep(seconds)
                passed, decided = time.perf_counter() - began, load.decided
                service, store, helper = (late - early for early, late in zip(before, self._spent(), strict=True))
        points = quantiles(load.seconds, n=100)
        with redis.Redis(unix_socket_path=self.socket) as client:
            client.flushall()
        with moved_to(GATEWAY_CORE):  # the client of the ceiling takes the service's core
            before = self._spent()
            size = max(1, round(load.batch))
            batches = commands(self._load_script(), batched(keys.checks(), size, Layout()))
            made = size * await straight(self.socket, lasting(batches, seconds / 2))
            ceiling = made / (self._spent()[1] - before[1])
        if load.reasons:
            print(f"failed batches: {dict(load.reasons)}", file=sys.stderr, flush=True)
        return Run(
            rate=decided / passed,
            batch=load.batch,
            p50_ms=points[49] * 1e3,
            p99_ms=points[98] * 1e3,
            failed=load.failed + load.refused,
            service_us=service / decided * 1e6,
            service_busy=service / passed,
            redis_us=store / decided * 1e6,
            helper_busy=helper / passed,
            ceiling=ceiling,
        )

    def _spent(self) -> tuple[float, float, float]:
        return cpu_seconds([self.service]), cpu_seconds([self.redis]), core_busy_seconds(HELPER_CORE)

    def _load_script(self) -> str:
        with redis.Redis(unix_socket_path=self.socket) as client:
            return str(client.script_load(script()))


@asynccontextmanager
async def measured(scratch: Path) -> AsyncIterator[Measured]:
    """The service on the gateway's core, on a Valkey as `penstock up` has it."""
    trusted = {name: [generate_identity(scratch / f"{name}.key", name)] for name in ("edge", "ratelimitsvc")}
    (scratch / "trusted.json").write_bytes(orjson.dumps(trusted))
    prepared = await prepare_valkey(scratch / "valkey", scratch / "v")
    target = f"unix:{scratch / 'rl.sock'}"
    environment = {
        "PENSTOCK_LISTEN": target,
        "PENSTOCK_IDENTITY_KEY_FILE": str(scratch / "ratelimitsvc.key"),
        "PENSTOCK_TRUSTED_KEYS_FILE": str(scratch / "trusted.json"),
        "PENSTOCK_REDIS_URL": prepared.url,
    }
    with (
        running(prepared.command.argv, HELPER_CORE, scratch / "valkey.log") as store,
        running([sys.executable, "-m", "ratelimitsvc"], GATEWAY_CORE, scratch / "rl.log", **environment) as service,
    ):
        edge = ProcessIdentity.load(scratch / "edge.key")
        found = Measured(service.pid, store.pid, str(prepared.socket), target, edge)
        async with found.channel() as channel:
            stub = pb_grpc.RateLimitServiceStub(channel)
            await stub.CheckBatch(pb.CheckBatchRequest(checks=Keys.of(1, 1).checks()), wait_for_ready=True)
        yield found


async def measure(levels: Sequence[int], rounds: int, seconds: float) -> dict[str, str]:
    """The tables by title."""
    runs: dict[tuple[str, int], list[Run]] = {}
    with tempfile.TemporaryDirectory(prefix="bl") as folder:
        # First: gRPC warns of each process that is started after it.
        stores = await redis_alone(Path(folder), rounds, seconds / 4)
        async with measured(Path(folder)) as service:
            await service.run(Keys.of(KEYS, 1), max(levels), WARM_SECONDS)
            for number, name, callers in ((n, a, c) for n in range(rounds) for a in ALGORITHMS for c in levels):
                run = await service.run(Keys.of(KEYS, ALGORITHMS[name]), callers, seconds)
                runs.setdefault((name, callers), []).append(run)
                print(f"round {number + 1}: {name}, {callers}: {run.rate:,.0f}/s", file=sys.stderr, flush=True)
    tables = {f"Limits, {name}": decisions({callers: runs[name, callers] for callers in levels}) for name in ALGORITHMS}
    return {**tables, **stores}


async def redis_alone(scratch: Path, rounds: int, seconds: float) -> dict[str, str]:
    """The table of stores by its title, of a Valkey that nobody else asks."""
    prepared = await prepare_valkey(scratch / "alone", scratch / "a")
    program = asking_program()
    asked_by = Path(program).name if program else "a client of our own"
    with running(prepared.command.argv, HELPER_CORE, scratch / "alone.log") as store, moved_to(GATEWAY_CORE):
        if not await wait_until_open(prepared.gate, lambda: store.poll() is None):
            sys.exit("bench: Valkey ended early")
        server = Server(store.pid, str(prepared.socket), program)
        title = f"Redis alone, asked by {asked_by}; bytes of a counter with {LIMIT} units"
        return {title: await measure_stores(server, rounds, seconds)}


def decisions(runs: dict[int, list[Run]]) -> str:
    """A table of the medians at each number of callers."""
    titles = ["callers", "batch", "decisions/s", "p50 ms", "p99 ms", "service µs", "service's core", "a whole core/s"]
    titles += ["Redis µs", "a core of Redis alone/s", "share of it", "helpers' core", "failed"]
    rows = []
    for callers, each in runs.items():
        middle = {name: median(getattr(run, name) for run in each) for name in Run.__slots__}
        rate, whole, ceiling = middle["rate"], 1e6 / middle["service_us"], middle["ceiling"]
        rows.append(
            [
                f"{callers:,}",
                f"{middle['batch']:.1f}",
                f"{rate:,.0f}",
                f"{middle['p50_ms']:.2f}",
                f"{middle['p99_ms']:.2f}",
                f"{middle['service_us']:.1f}",
                f"{middle['service_busy']:.0%}",
                f"{whole:,.0f}",
                f"{middle['redis_us']:.1f}",
                f"{ceiling:,.0f}",
                f"{whole / ceiling:.0%}",
                f"{middle['helper_busy']:.0%}",
                str(sum(run.failed for run in each)),
            ]
        )
    return table(titles, rows)


def main() -> None:
    """Measures and prints."""
    arguments = argparse.ArgumentParser(prog="bench.limits", description=__doc__)
    arguments.add_argument("--seconds", type=float, default=3, help="length of a run")
    arguments.add_argument("--rounds", type=int, default=3, help="runs at each number of callers")
    arguments.add_argument("--callers", type=int, nargs="+", default=[1, 64, 256, 1024], help="callers at a time")
    given = arguments.parse_args()
    os.sched_setaffinity(0, {HELPER_CORE})
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        tables = runner.run(measure(given.callers, given.rounds, given.seconds))
    print("\n\n".join(chain.from_iterable((f"## {title}", text.strip()) for title, text in tables.items())))


if __name__ == "__main__":
    main()
