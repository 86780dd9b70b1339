"""What Redis itself takes for a decision, store by store, beside an EVALSHA that does nothing: asked by redis-benchmark
(or valkey-benchmark) where there is one, else by a client of our own.

Counters are in their steady state: as many units leave the window, which is short for that, as come.
"""

import asyncio
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import median
from typing import Final

import redis
from penstock.ratelimit.v1 import limit_pb2

from bench.decisions import LIMIT, PIPELINE, WINDOW_MILLIS, Keys, batched, commands, straight
from bench.processes import cpu_seconds
from bench.report import table
from ratelimitsvc.batch import Batch, Layout, packed
from ratelimitsvc.counters import script

SIZES: Final = (1, 64)
"""Decisions in a batch."""
NOTHING: Final = "EVALSHA that does nothing"
# So many counters in so short a window that at 100,000 decisions a second half of their units are used.
_COUNTERS: Final = 128
_WINDOW_MILLIS: Final = 300
# How fast Redis does them tells how many it does in the time that is given.
_WARM_COMMANDS: Final = 480
# redis-benchmark puts so many digits in place of `__rand_int__`.
_DRAWN_DIGITS: Final = 12
_TOLD_CLOCK: Final = "local now = tonumber(ARGV[2])\n"


@dataclass(frozen=True, slots=True)
class Store:
    """How counters are kept, and by which algorithm."""

    layout: Layout
    algorithm: int


STORES: Final[Mapping[str, Store]] = {
    "ring": Store(Layout("ring"), limit_pb2.ALGORITHM_SLIDING_WINDOW),
    "sorted set": Store(Layout("zset"), limit_pb2.ALGORITHM_SLIDING_WINDOW),
    "sub-windows": Store(Layout(exact_up_to=LIMIT - 1), limit_pb2.ALGORITHM_SLIDING_WINDOW),
    "token bucket": Store(Layout(), limit_pb2.ALGORITHM_TOKEN_BUCKET),
}


@dataclass(frozen=True, slots=True)
class Server:
    """The server that is measured, and the path of redis-benchmark; None: our own client asks."""

    pid: int
    socket: str
    program: str | None

    async def micros(self, text: str, batches: Sequence[Batch], seconds: float) -> float:
        """CPU time of the server, in microseconds a decision, while the script `text` gets such batches.

        They differ by the numbers at the ends of their keys alone. AssertionError when the script fails.
        """
        with self._client() as client:
            client.flushall()
            # redis-benchmark cannot send an octet 0: the packed numbers stand in the script.
            octets = "".join(f"\\{octet}" for octet in batches[0].numbers)
            digest = client.script_load(f"local ARGV = {{'{octets}'}}\n{text}")
            warm = await self._ask(digest, batches, _WARM_COMMANDS)
            # Pipelines that are full: else redis-benchmark takes its own end for a lost connection.
            count = max(1, round(_WARM_COMMANDS * seconds / warm / PIPELINE)) * PIPELINE
            await self._ask(digest, batches, count)
            client.config_resetstat()
            before = cpu_seconds([self.pid])
            await self._ask(digest, batches, count)
            spent = cpu_seconds([self.pid]) - before
            stats = client.info("commandstats")["cmdstat_evalsha"]
        assert stats["failed_calls"] == 0, stats
        return spent / (int(stats["calls"]) * batches[0].checks) * 1e6

    async def _ask(self, digest: str, batches: Sequence[Batch], count: int) -> float:
        """Sends so many commands; how long they took, in seconds."""
        began = time.perf_counter()
        if self.program is None:
            await straight(self.socket, islice(commands(digest, batches), count))
        else:
            keys = [key[:-_DRAWN_DIGITS].decode() + "__rand_int__" for key in batches[0].keys]
            options = ("-s", self.socket, "-c", "1", "-P", str(PIPELINE), "-r", str(_COUNTERS), "-n", str(count))
            asking = await asyncio.create_subprocess_exec(
                *(self.program, *options, "EVALSHA", digest, str(len(keys)), *keys),
                stdout=asyncio.subprocess.DEVNULL,
            )
            assert await asking.wait() == 0, self.program
        return time.perf_counter() - began

    def bytes_per_counter(self, store: Store) -> int:
        """What a counter takes that is full: LIMIT units, evenly over a minute."""
        batch = packed(Keys.of(1, store.algorithm).checks(), store.layout)
        with self._client() as client:
            client.flushall()
            asked = client.register_script(script(_TOLD_CLOCK))
            for unit in range(LIMIT):
                now = (WINDOW_MILLIS * 1_000 * unit) // LIMIT + 1
                asked(batch.keys, [batch.numbers, now])
            return int(client.memory_usage(batch.keys[0], samples=0))

    def _client(self) -> "redis.Redis":
        return redis.Redis(unix_socket_path=self.socket)


def asking_program() -> str | None:
    """The path of redis-benchmark or its like; None where there is none."""
    return next(filter(None, map(shutil.which, ("redis-benchmark", "valkey-benchmark"))), None)


async def measure_stores(server: Server, rounds: int, seconds: float) -> str:
    """The table."""
    taken: dict[tuple[str, int], list[float]] = {}
    for _ in range(rounds):
        for size in SIZES:
            checks = Keys.of(_COUNTERS, limit_pb2.ALGORITHM_SLIDING_WINDOW, _WINDOW_MILLIS).checks()
            micros = await server.micros("return ''", batched(checks, size, Layout()), seconds)
            taken.setdefault((NOTHING, size), []).append(micros)
            for name, store in STORES.items():
                checks = Keys.of(_COUNTERS, store.algorithm, _WINDOW_MILLIS).checks()
                micros = await server.micros(script(), batched(checks, size, store.layout), seconds)
                taken.setdefault((name, size), []).append(micros)
    sizes = {name: server.bytes_per_counter(store) for name, store in STORES.items()}
    return stores_table({key: median(each) for key, each in taken.items()}, sizes)


def stores_table(micros: Mapping[tuple[str, int], float], sizes: Mapping[str, int]) -> str:
    """A table of CPU times a decision by store and size of the batch, and of the bytes of a counter by store."""
    titles = ["store", "bytes"]
    titles += [title for size in SIZES for title in (f"µs, batch of {size}", "a core of Redis/s")]
    rows = []
    for name in (NOTHING, *sizes):
        row = [name, f"{sizes[name]:,}" if name in sizes else "–"]
        for size in SIZES:
            each = micros[name, size]
            row += [f"{each:.1f}", f"{1e6 / each:,.0f}"]
        rows.append(row)
    return table(titles, rows)
