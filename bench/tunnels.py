"""Many WebSockets through one worker: what each costs in memory, and what they carry: `python -m bench.tunnels`.

The tunnels are opened and left alone, then some of them talk: each sends a message, waits for its echo, and goes on.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

from bench.load import Gateway
from bench.penstock import UNLIMITED, measured_suite
from bench.processes import cpu_seconds, resident_bytes

KIBIBYTE = 1024
AT_A_TIME = 50
"""Handshakes under way."""
SETTLE_SECONDS = 3.0
GOAL_BYTES = 32 * KIBIBYTE
_UPSTREAM = "--upstream"


@dataclass
class Talk:
    """What came of the messages."""

    seconds: list[float] = field(default_factory=list)
    failed: int = 0


def main() -> None:
    """Prints a table; ends with 1 when a message was lost or a tunnel costs more than the goal."""
    if _UPSTREAM in sys.argv:
        asyncio.run(_echo())
        return
    arguments = argparse.ArgumentParser(prog="bench.tunnels", description=__doc__)
    arguments.add_argument("--tunnels", type=int, default=1000)
    arguments.add_argument("--talking", type=int, nargs="*", default=[1, 64, 1000], help="tunnels that talk at a time")
    arguments.add_argument("--bytes", type=int, default=100, help="size of a message")
    arguments.add_argument("--seconds", type=float, default=10.0, help="length of each run")
    given = arguments.parse_args()
    # both ends of every tunnel are in other processes than the worker, which inherits this
    os.environ |= {
        "PENSTOCK_WEBSOCKET_TUNNELS": str(2 * given.tunnels),
        "PENSTOCK_WEBSOCKET_TUNNELS_OF_TENANT": str(2 * given.tunnels),
    }
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        _upstream() as port,
        measured_suite(Path(folder), port) as running,
    ):
        limits = {"messages": "unlimited", "idle": "1h"}
        edge = running.tenant("Penstock", "tunnels", UNLIMITED, "/ws/x", websocket=True, websocket_limits=limits)
        asyncio.run(_measure(edge, given.tunnels, given.talking, given.bytes, given.seconds))


async def _measure(edge: Gateway, tunnels: int, talking: list[int], size: int, seconds: float) -> None:
    (worker,) = edge.pids
    for first in await _opened(edge, 100):  # what any tunnel needs once
        await first.close()
    await asyncio.sleep(SETTLE_SECONDS)
    before = resident_bytes(worker)
    clients = await _opened(edge, tunnels)
    await asyncio.sleep(SETTLE_SECONDS)
    each = (resident_bytes(worker) - before) / tunnels
    began, used = time.monotonic(), cpu_seconds(edge.pids)
    await asyncio.sleep(seconds)
    idle = (cpu_seconds(edge.pids) - used) / (time.monotonic() - began)
    print(f"{tunnels} tunnels are open: {each / KIBIBYTE:.1f} KiB each, {idle:.1%} of a core while nothing passes\n")
    print(
        "| talking | messages/s | p50 ms | p99 ms | CPU µs/message | failed | KiB each |\n|---|---|---|---|---|---|---|"
    )
    failed = 0
    for number in talking:
        talk, used, began = Talk(), cpu_seconds(edge.pids), time.monotonic()
        await asyncio.gather(*(_talk(client, "x" * size, began + seconds, talk) for client in clients[:number]))
        took, used = time.monotonic() - began, cpu_seconds(edge.pids) - used
        messages, grown = 2 * len(talk.seconds), (resident_bytes(worker) - before) / tunnels
        p50, p99 = statistics.median(talk.seconds), statistics.quantiles(talk.seconds, n=100)[98]
        print(
            f"| {number} | {messages / took:,.0f} | {p50 * 1e3:.2f} | {p99 * 1e3:.1f} | {used / messages * 1e6:.0f} "
            f"| {talk.failed} | {grown / KIBIBYTE:.1f} |",
            flush=True,
        )
        failed += talk.failed
    for client in clients:
        await client.close()
    if failed or each > GOAL_BYTES:
        raise SystemExit(f"bench: {failed} messages were lost; a tunnel may cost {GOAL_BYTES // KIBIBYTE} KiB")


async def _opened(edge: Gateway, count: int) -> list[ClientConnection]:
    places = asyncio.Semaphore(AT_A_TIME)
    headers = dict(header.split(": ", 1) for header in edge.headers)
    url = urlsplit(edge.url)

    async def one() -> ClientConnection:
        async with places:
            return await connect(
                f"ws://{url.netloc}{url.path}",
                additional_headers=headers,
                compression=None,
                ping_interval=None,
                proxy=None,
            )

    return list(await asyncio.gather(*(one() for _ in range(count))))


async def _talk(client: ClientConnection, message: str, until: float, talk: Talk) -> None:
    while (began := time.monotonic()) < until:
        await client.send(message)
        talk.failed += await client.recv() != message
        talk.seconds.append(time.monotonic() - began)


@contextmanager
def _upstream() -> Iterator[int]:
    """A server of echoes in a process of its own; its port."""
    command = [sys.executable, "-m", "bench.tunnels", _UPSTREAM]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.terminate()


async def _echo() -> None:
    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    async with serve(echo, "127.0.0.1", 0, compression=None, ping_interval=None, close_timeout=1) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    main()
