"""Good traffic beside a thousand slow clients: `python -m bench.slowloris --attackers 1000`.

A third of them each sends heads, sends bodies and reads answers drop by drop, and comes again when it is cut off. What
their first coming costs is not measured. The goal is 95 % of the rate without them.
"""

import argparse
import asyncio
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from bench import peers
from bench.load import Gateway, Run, run_wrk
from bench.penstock import LIMITED, measured_suite
from bench.processes import forget_most, resident_bytes

DROP_SECONDS = 5.0
SETTLE_SECONDS = 3.0
GOAL = 0.95
MEBIBYTE = 1024 * 1024


def main() -> None:
    """Prints rates in turn without and with the attackers; ends with 1 when the goal is missed."""
    arguments = argparse.ArgumentParser(prog="bench.slowloris", description=__doc__)
    arguments.add_argument("--attackers", type=int, default=1000)
    arguments.add_argument("--seconds", type=int, default=10, help="length of a run")
    arguments.add_argument("--rounds", type=int, default=3, help="runs of each kind; the median counts")
    given = arguments.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        peers.upstream(Path(folder)) as port,
        measured_suite(Path(folder), port) as running,
    ):
        edge = running.tenant("Penstock", "slowloris", LIMITED)
        _load(edge, 2)
        worker = edge.pids[0]
        before = resident_bytes(worker)
        forget_most(worker)
        alone, beside = [], []
        for _ in range(given.rounds):
            alone.append(_load(edge, given.seconds))
            with attackers(edge, given.attackers):
                beside.append(_load(edge, given.seconds))
        growth = (resident_bytes(worker, most=True) - before) / MEBIBYTE
    ratio = _rate(beside) / _rate(alone)
    print("| good traffic | requests/s | p99 ms | CPU µs/request | helper core | failed |\n|---|---|---|---|---|---|")
    for name, runs in (("alone", alone), (f"beside {given.attackers} slow clients", beside)):
        p99 = statistics.median(run.p99_ms for run in runs)
        cpu, busy = statistics.median(run.gateway_cpu_us for run in runs), max(run.helper_busy for run in runs)
        failed = sum(run.failed for run in runs)
        print(f"| {name} | {_rate(runs):,.0f} | {p99:.1f} | {cpu:.0f} | {busy:.0%} | {failed} |")
    print(f"\nratio {ratio:.2f}; the worker grew by {growth:.1f} MiB")
    if ratio < GOAL:
        raise SystemExit(f"bench: less than {GOAL:.0%} of the rate is left")


def _load(edge: Gateway, seconds: int) -> Run:
    return run_wrk(edge, connections=64, seconds=seconds)


def _rate(runs: list[Run]) -> float:
    return statistics.median(run.rate for run in runs)


@contextmanager
def attackers(edge: Gateway, count: int) -> Iterator[None]:
    """Slow clients on a loop of a thread of their own; all have connected once before the block begins."""
    connected, over = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_attack(edge, count, connected, over)))
    thread.start()
    try:
        connected.wait(30)
        time.sleep(SETTLE_SECONDS)
        yield
    finally:
        over.set()
        thread.join()


async def _attack(edge: Gateway, count: int, connected: threading.Event, over: threading.Event) -> None:
    url = urlsplit(edge.url)
    host, port = url.hostname or "", url.port or 80
    fields = "".join(f"{line}\r\n" for line in ("Host: bench", *edge.headers)).encode()
    starts = (
        b"GET /demo/x HTTP/1.1\r\n" + fields + b"X: ",
        b"POST /demo/x HTTP/1.1\r\n" + fields + b"Content-Length: 1000000\r\n\r\n",
        b"GET /demo/large HTTP/1.1\r\n" + fields + b"\r\n",
    )
    there, loop = 0, asyncio.get_running_loop()

    async def slow(kind: int) -> None:
        nonlocal there
        first = True
        while True:
            with suppress(OSError):
                near = socket.socket()
                near.setblocking(False)
                near.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # a window that tells of slowness at once
                await loop.sock_connect(near, (host, port))
                reader, writer = await asyncio.open_connection(sock=near, limit=1)
                writer.write(starts[kind])
                there += first
                first = False
                try:
                    while not writer.is_closing() and not reader.at_eof():
                        await asyncio.sleep(DROP_SECONDS)
                        if kind == 2:
                            await reader.read(1)
                        else:
                            writer.write(b"x")
                            await writer.drain()
                finally:
                    writer.close()
            await asyncio.sleep(DROP_SECONDS)

    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(slow(each % len(starts))) for each in range(count)]
        while not over.is_set():
            if there == count:
                connected.set()
            await asyncio.sleep(0.1)
        for task in running:
            task.cancel()


if __name__ == "__main__":
    main()
