"""Starts what is measured on a core of its own, and reads CPU times from /proc."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

GATEWAY_CORE, HELPER_CORE = 1, 0
START_SECONDS = 90.0


class NotInstalled(Exception):
    """A program that is needed is missing; the message says which."""


def installed(program: str) -> str:
    """The path of a program; raises NotInstalled."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise NotInstalled(f"{program} is not installed")
    return found


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: Sequence[str | Path], core: int | str, log: Path, **env: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process on a core (or on several: `0,1`), ended by SIGTERM on the way out."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["taskset", "-c", str(core), *command], stdout=output, stderr=output, env={**os.environ, **env}
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def moved_to(core: int) -> Iterator[None]:
    """This thread on another core while entered, and what it starts there."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Waits until the URL answers below 500; ends the benchmark when the process dies or never does."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            sys.exit(f"bench: {process.args!r} ended early\n{log.read_text()[-2000:]}")
        try:
            with urlopen(url, timeout=1):  # noqa: S310 - our own loopback
                return
        except (URLError, OSError):
            time.sleep(0.1)
    sys.exit(f"bench: nothing answers at {url}\n{log.read_text()[-2000:]}")


def wait_for_text(log: Path, text: str, process: subprocess.Popen[bytes]) -> None:
    """Waits until the process has written the text; ends the benchmark when it dies or never does."""
    deadline = time.monotonic() + START_SECONDS
    while text not in log.read_text():
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"bench: {process.args!r} did not come up\n{log.read_text()[-2000:]}")
        time.sleep(0.1)


def descendants(pid: int) -> list[int]:
    """All processes below one, by /proc."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parents.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry.name))
    found, pending = [], [pid]
    while pending:
        for child in parents.get(pending.pop(), ()):
            found.append(child)
            pending.append(child)
    return found


def command_line(pid: int) -> list[str]:
    """A process's arguments; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]
    except OSError:
        return []


def cpu_seconds(pids: Sequence[int]) -> float:
    """User and system time that the processes have used so far."""
    ticks = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int, *, most: bool = False) -> int:
    """A process's resident memory now, or the most since `forget_most`."""
    name = "VmHWM" if most else "VmRSS"
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0


def forget_most(pid: int) -> None:
    """Lets the most resident memory of a process be counted anew (proc(5), clear_refs)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def core_busy_seconds(core: int) -> float:
    """How long a core has been busy since boot."""
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith(f"cpu{core} "):
            user, nice, system, _idle, _wait, irq, softirq, *_ = map(int, line.split()[1:])
            return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")
    return 0.0


def settle(at_most_seconds: float = 2.0) -> None:
    """Waits until what the last run left behind is done, or as long as is given."""
    deadline = time.monotonic() + at_most_seconds
    while time.monotonic() < deadline:
        before = [core_busy_seconds(core) for core in (GATEWAY_CORE, HELPER_CORE)]
        time.sleep(0.2)
        after = [core_busy_seconds(core) for core in (GATEWAY_CORE, HELPER_CORE)]
        if max(late - early for early, late in zip(before, after, strict=True)) < 0.03:
            return


def pin(pid: int, core: int) -> None:
    """Moves all threads of a process to a core."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {core})
