"""Measures authentication: `python -m bench.auth`. What the edge's memory costs; how many different keys authsvc tells
of; how long a revocation takes with 1, 4 and 16 edges.

authsvc has a core of its own; PostgreSQL and whoever asks share the other one. What a whole core would do is told by
CPU time: other load on the machine hardly changes it.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from statistics import quantiles
from typing import Any
from uuid import uuid4

import uvloop
from penstock.auth.v1 import auth_service_pb2 as pb
from penstock.auth.v1.api_key_service_pb2 import RevokeApiKeyRequest
from penstock.auth.v1.api_key_service_pb2_grpc import ApiKeyServiceStub
from penstock.auth.v1.auth_service_pb2_grpc import AuthServiceStub

from bench.authsvc import Key, Place, Serving, asked, place, until_serving
from bench.credentials import Recalls, recalls
from bench.processes import GATEWAY_CORE, HELPER_CORE, core_busy_seconds, cpu_seconds, settle
from bench.report import table
from edge.auth.authenticator import Authenticator
from edge.auth.lookups import MAX_BATCH, MAX_MESSAGES_IN_FLIGHT
from edge.instance import Instance
from svckit import logs
from svckit.channels import open_stream

TENANTS = (1, 2_000)
FEEDS = (1, 4, 16)
WARM_UP = 10


@dataclass(frozen=True, slots=True)
class Pass:
    """All keys asked about once: seconds, milliseconds of a batch, CPU time of the service in microseconds a key, how
    busy the helpers' core was, and answers that were none."""

    keys: int
    seconds: float
    p50_ms: float
    p99_ms: float
    service_us: float
    helper_busy: float
    failed: int


@dataclass(frozen=True, slots=True)
class Feed:
    """Revocations one after the other: milliseconds of each, and those that were not in force when it returned."""

    millis: Sequence[float]
    pending: int


async def asked_once(serving: Serving, keys: Sequence[Key]) -> Pass:
    """Asks about each key once, over one stream as a busy edge has it."""
    batches = iter([_batch(start, keys[start : start + MAX_BATCH]) for start in range(0, len(keys), MAX_BATCH)])
    under_way: dict[int, float] = {}
    took: list[float] = []
    proven = 0
    settle()
    async with serving.channel("edge") as channel, open_stream(AuthServiceStub(channel).StreamAuthenticate()) as call:
        await call.wait_for_connection()

        async def ask() -> None:
            if (batch := next(batches, None)) is not None:
                under_way[batch.batch_id] = time.perf_counter()
                await call.write(batch)

        began, before = time.perf_counter(), (cpu_seconds([serving.pid]), core_busy_seconds(HELPER_CORE))
        for _ in range(MAX_MESSAGES_IN_FLIGHT):
            await ask()
        while under_way:
            response: Any = await call.read()
            took.append(time.perf_counter() - under_way.pop(response.batch_id))
            proven += sum(each.HasField("principal") for each in response.responses)
            await ask()
        seconds = time.perf_counter() - began
        service, helper = cpu_seconds([serving.pid]) - before[0], core_busy_seconds(HELPER_CORE) - before[1]
    points = quantiles(took, n=100)
    return Pass(
        keys=len(keys),
        seconds=seconds,
        p50_ms=points[49] * 1e3,
        p99_ms=points[98] * 1e3,
        service_us=service / len(keys) * 1e6,
        helper_busy=helper / seconds,
        failed=len(keys) - proven,
    )


def _batch(number: int, keys: Sequence[Key]) -> pb.StreamAuthenticateRequest:
    return pb.StreamAuthenticateRequest(batch_id=number, requests=[asked(key.value) for key in keys])


@asynccontextmanager
async def feeds(serving: Serving, count: int) -> AsyncIterator[None]:
    """So many edges that follow the invalidations and hold leases, each on a channel of its own."""
    async with AsyncExitStack() as stack:
        edges = []
        for number in range(count):
            channel = await stack.enter_async_context(serving.channel("edge"))
            edges.append(Authenticator(channel, Instance(f"edge-{number}", 0, str(uuid4()))))
        async with asyncio.TaskGroup() as tasks:
            work = [tasks.create_task(each.run()) for each in edges]
            while any(each.lease_state != "held" for each in edges):  # noqa: ASYNC110 - no event says so
                await asyncio.sleep(0.01)
            yield
            for each in work:
                each.cancel()
        for edge in edges:
            await edge.leave()


async def revoked(serving: Serving, keys: Sequence[Key], count: int) -> Feed:
    """Revokes the keys one after the other beside so many edges."""
    millis, pending = [], 0
    async with serving.channel("admin") as channel, feeds(serving, count):
        stub = ApiKeyServiceStub(channel)
        for key in keys:
            began = time.perf_counter()
            answer = await stub.RevokeApiKey(RevokeApiKeyRequest(tenant_id=key.tenant, key_id=key.key_id))
            millis.append((time.perf_counter() - began) * 1e3)
            pending += not answer.in_force
            if answer.in_force and len(answer.acknowledged) != count:
                raise AssertionError(f"{len(answer.acknowledged)} of {count} edges acknowledged")
    return Feed(millis[WARM_UP:], pending)


@asynccontextmanager
async def replica(at: Place) -> AsyncIterator[Serving]:
    """A replica that has just started."""
    with at.serving() as serving:
        identity = serving.channel("edge")
        async with identity as channel:
            await until_serving(AuthServiceStub(channel))
        yield serving


async def measure(tenants: Sequence[int], keys: int, revocations: int, warm: int) -> dict[str, str]:
    """The tables by title."""
    rows, feed_rows = [], []
    with tempfile.TemporaryDirectory(prefix="ba") as folder:
        async with place(Path(folder)) as at:
            for count in tenants:
                began = time.perf_counter()
                made = await at.tenants(count, keys)
                print(f"{count:,} tenants made in {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
                async with replica(at) as serving:
                    for number in range(1 + warm):
                        done = await asked_once(serving, made)
                        rows.append([f"{count:,}", "warm" if number else "cold", *told(done)])
                        print(rows[-1], file=sys.stderr, flush=True)
            async with replica(at) as serving:
                for count in FEEDS:
                    some, made = made[: revocations + WARM_UP], made[revocations + WARM_UP :]
                    feed = await revoked(serving, some, count)
                    feed_rows.append([str(count), *in_force(feed)])
                    print(feed_rows[-1], file=sys.stderr, flush=True)
    titles = ["tenants", "memory", "keys/s", "batch p50 ms", "p99 ms", "service µs", "a whole core/s", "helpers' core"]
    return {
        "Different keys through the stream": table([*titles, "failed"], rows),
        "Revocations in force": table(["edges", "revocations", "p50 ms", "p99 ms", "pending"], feed_rows),
    }


def told(done: Pass) -> list[str]:
    """The columns of a pass."""
    return [
        f"{done.keys / done.seconds:,.0f}",
        f"{done.p50_ms:.1f}",
        f"{done.p99_ms:.1f}",
        f"{done.service_us:.0f}",
        f"{1e6 / done.service_us:,.0f}",
        f"{done.helper_busy:.0%}",
        str(done.failed),
    ]


def in_force(feed: Feed) -> list[str]:
    """The columns of revocations."""
    points = quantiles(feed.millis, n=100)
    return [str(len(feed.millis)), f"{points[49]:.1f}", f"{points[98]:.1f}", str(feed.pending)]


def recalled(found: Recalls) -> str:
    """A table of what the edge's memory costs."""
    rows = [
        ["recall, in use", f"{found.ready_us:.2f} µs"],
        ["recall, in use, with the digest of the credential", f"{found.read_us:.2f} µs"],
        ["recall, any of all", f"{found.any_us:.2f} µs"],
        ["longest pause of the collector, filling", f"{found.filling_ms:.1f} ms"],
        ["longest pause of the collector, recalling", f"{found.using_ms:.1f} ms"],
        ["a full pass of the collector", f"{found.full_ms:.1f} ms"],
    ]
    return table(["100,000 principals", "CPU time"], rows)


def main() -> None:
    """Measures and prints."""
    arguments = argparse.ArgumentParser(prog="bench.auth", description=__doc__)
    arguments.add_argument("--tenants", type=int, nargs="+", default=TENANTS, help="tenants that the keys belong to")
    arguments.add_argument("--keys", type=int, default=20_000, help="different keys in all")
    arguments.add_argument("--warm", type=int, default=2, help="how often they are asked about again")
    arguments.add_argument("--revocations", type=int, default=300, help="for each number of edges")
    given = arguments.parse_args()
    logs.configure("bench", "warning", output=sys.stderr)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        os.sched_setaffinity(0, {GATEWAY_CORE})
        tables = {"Memory of an edge": recalled(runner.run(recalls()))}
        print(tables["Memory of an edge"], file=sys.stderr, flush=True)
        os.sched_setaffinity(0, {HELPER_CORE})
        tables |= runner.run(measure(given.tenants, given.keys, given.revocations, given.warm))
    print("\n\n".join(chain.from_iterable((f"## {title}", text.strip()) for title, text in tables.items())))


if __name__ == "__main__":
    main()
