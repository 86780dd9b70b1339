"""What clients feel when targets, and edge workers that watch them, are killed: `python -m bench.targets`. Exit code 1
when a request fails that could have been served.

Three targets stand behind a service with checks, breaker and retries; clients that never retry ask all the time. Then a
target is killed, stopped and started again, a new document is published, the workers are replaced one by one, and the
worker that checks is killed. Only two of these may fail a request: a stopped target those that wait for it until its
breaker opens, the killed worker those that it was answering.
"""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.keepalive import Client, Count
from bench.load import Gateway
from bench.penstock import UNLIMITED, Suite, suite
from bench.processes import free_port, wait_for

CLIENTS = 16
REST_SECONDS = 0.005
FAILURES = 3
"""In a row, until a breaker opens."""
WORKERS = 2


class Targets:
    """Three servers that can be killed, stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.ports = [free_port() for _ in range(3)]
        self._processes = [self._started(port) for port in self.ports]

    def _started(self, port: int) -> "subprocess.Popen[bytes]":
        log = self._folder / f"target-{port}.log"
        with log.open("wb") as output:
            command = [sys.executable, "-m", "examples.upstream", "--port", str(port)]
            process = subprocess.Popen(command, stdout=output, stderr=output)
        wait_for(f"http://127.0.0.1:{port}/health", process, log)
        return process

    def signal(self, number: int, at: int = 1) -> None:
        """Sends one of them a signal."""
        self._processes[at].send_signal(number)

    def restart(self, at: int = 1) -> None:
        """Starts one of them again after its end."""
        self._processes[at].wait()
        self._processes[at] = self._started(self.ports[at])

    def close(self) -> None:
        """Ends all of them."""
        for process in self._processes:
            process.kill()
            process.wait()


@dataclass(frozen=True, slots=True)
class Scene:
    """What happens at once, and how many requests may fail by it."""

    begin: Callable[[Suite, Targets], None]
    allowed: int = 0


def _service(ports: list[int], weight: int = 1) -> Mapping[str, object]:
    return {
        "name": "up",
        "targets": [{"url": f"http://127.0.0.1:{port}", "weight": weight} for port in ports],
        "timeout": {"connect": "500ms", "response": "1s"},
        "health": {"path": "/health", "interval": "1s"},
        "breaker": {"failures": FAILURES, "open": "1s"},
        "retries": {"attempts": 3},
    }


def _publish(running: Suite, targets: Targets, weight: int = 1) -> None:
    running.publish_service("targets", _service(targets.ports, weight), ["/up"], UNLIMITED)


def _checker(running: Suite) -> int:
    """The worker that holds the lock of the checks (proc(5), /proc/locks)."""
    inode = (running.data / "run" / "health-checks.lock").stat().st_ino
    for line in Path("/proc/locks").read_text().splitlines():
        fields = line.split()
        if fields[1] == "FLOCK" and fields[5].endswith(f":{inode}"):
            return int(fields[4])
    sys.exit("bench: no worker checks the targets")


SCENES: Mapping[str, Scene] = {
    "nothing": Scene(lambda _running, _targets: None),
    "target killed": Scene(lambda _running, targets: targets.signal(signal.SIGKILL)),
    "target started again": Scene(lambda _running, targets: targets.restart()),
    "target stopped": Scene(
        lambda _running, targets: targets.signal(signal.SIGSTOP), allowed=WORKERS * FAILURES + CLIENTS
    ),
    "target goes on": Scene(lambda _running, targets: targets.signal(signal.SIGCONT)),
    "another document": Scene(lambda running, targets: _publish(running, targets, weight=2)),
    "worker that checks killed": Scene(
        lambda running, _targets: os.kill(_checker(running), signal.SIGKILL), allowed=CLIENTS
    ),
    "workers replaced": Scene(lambda running, _targets: running.process.send_signal(signal.SIGHUP)),
}


async def measured(gateway: Gateway, running: Suite, targets: Targets, seconds: float) -> bool:
    """Plays the scenes under load and prints a row for each; whether no more failed than may."""
    port, over, sound = int(running.edge.rpartition(":")[2]), asyncio.Event(), True
    count = Count()

    async def ask() -> None:
        client = Client(port, "/up/x", gateway.headers, count)
        while not over.is_set():
            await client.get()
            await asyncio.sleep(REST_SECONDS)
        client.close()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(CLIENTS):
            tasks.create_task(ask())
        print("| what | requests | failed | may fail | slowest ms | how |\n|---|---|---|---|---|---|")
        for name, scene in SCENES.items():
            answered, failures, count.slowest_seconds = count.answered, count.failures.copy(), 0.0
            began = time.perf_counter()
            await asyncio.to_thread(scene.begin, running, targets)
            await asyncio.sleep(max(0.0, seconds - (time.perf_counter() - began)))
            failed = count.failures - failures
            sound = sound and failed.total() <= scene.allowed
            row = (
                f"{count.answered - answered:,}",
                failed.total(),
                scene.allowed,
                f"{count.slowest_seconds * 1e3:.0f}",
            )
            print(f"| {name} | {' | '.join(map(str, row))} | {dict(failed) or ''} |", flush=True)
        over.set()
    return sound


def main() -> None:
    """Runs it."""
    arguments = argparse.ArgumentParser(prog="bench.targets", description=__doc__)
    arguments.add_argument("--seconds", type=float, default=6.0, help="of each scene")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="targets-") as folder:
        targets = Targets(Path(folder))
        try:
            with suite(Path(folder), targets.ports[0], "0-1", WORKERS) as running:
                gateway = running.tenant("targets", "targets", UNLIMITED, "/up/x")
                _publish(running, targets)
                sound = asyncio.run(measured(gateway, running, targets, given.seconds))
        finally:
            targets.signal(signal.SIGCONT)
            targets.close()
    sys.exit(0 if sound else 1)


if __name__ == "__main__":
    main()
