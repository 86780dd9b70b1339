"""wrk's load, and what it says. Closed loop: good for ceilings, not for latency under a fixed rate."""

import re
import subprocess
from dataclasses import dataclass

from bench.processes import HELPER_CORE, core_busy_seconds, cpu_seconds, installed


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway: where it answers, whose CPU time is its own, what a request must carry."""

    name: str
    url: str
    pids: tuple[int, ...]
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """One run. Rate in requests a second, latencies in milliseconds, CPU time in microseconds a request; `…_busy` are
    shares of one core: the gateway's processes of theirs, everything that ran beside wrk of the other."""

    rate: float
    p50_ms: float
    p99_ms: float
    failed: int
    gateway_cpu_us: float
    gateway_busy: float
    helper_busy: float


_RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
_COUNT = re.compile(r"(\d+) requests in")
_PERCENTILE = re.compile(r"^\s+(50|99)%\s+([\d.]+)(us|ms|s)\s*$", re.MULTILINE)
_FAILED = re.compile(r"Non-2xx or 3xx responses: (\d+)|connect (\d+), read (\d+), write (\d+), timeout (\d+)")
_MILLIS = {"us": 1e-3, "ms": 1.0, "s": 1e3}


def run_wrk(gateway: Gateway, *, connections: int, seconds: int) -> Run:
    """Loads a gateway from the helpers' core."""
    options = [f"-c{connections}", "-t1", f"-d{seconds}s", "--latency"]
    options += [part for header in gateway.headers for part in ("-H", header)]
    gateway_before, helper_before = cpu_seconds(gateway.pids), core_busy_seconds(HELPER_CORE)
    text = subprocess.run(
        ["taskset", "-c", str(HELPER_CORE), installed("wrk"), *options, gateway.url],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return parsed(
        text,
        seconds=seconds,
        gateway_seconds=cpu_seconds(gateway.pids) - gateway_before,
        helper_seconds=core_busy_seconds(HELPER_CORE) - helper_before,
    )


def parsed(text: str, *, seconds: float, gateway_seconds: float, helper_seconds: float) -> Run:
    """The run that wrk tells of, which took so much CPU time on both sides."""
    percentiles = {name: float(value) * _MILLIS[unit] for name, value, unit in _PERCENTILE.findall(text)}
    return Run(
        rate=float(_RATE.findall(text)[0]),
        p50_ms=percentiles["50"],
        p99_ms=percentiles["99"],
        failed=sum(int(number) for groups in _FAILED.findall(text) for number in groups if number),
        gateway_cpu_us=gateway_seconds / max(1, int(_COUNT.findall(text)[0])) * 1e6,
        gateway_busy=gateway_seconds / seconds,
        helper_busy=helper_seconds / seconds,
    )
