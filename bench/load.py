"""wrk's load, and what it says. Closed loop: good for ceilings, not for latency under a fixed rate."""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from bench.processes import HELPER_CORE, core_busy_seconds, cpu_seconds, required


@dataclass(frozen=True, slots=True)
class Run:
    """One run. Rates in requests a second, latencies in milliseconds, CPU time in microseconds a request."""

    rate: float
    p50_ms: float
    p99_ms: float
    failed: int
    gateway_cpu_us: float
    helper_busy: float


_RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
_COUNT = re.compile(r"(\d+) requests in")
_PERCENTILE = re.compile(r"^\s+(50|99)%\s+([\d.]+)(us|ms|s)\s*$", re.MULTILINE)
_FAILED = re.compile(r"Non-2xx or 3xx responses: (\d+)|connect (\d+), read (\d+), write (\d+), timeout (\d+)")
_MILLIS = {"us": 1e-3, "ms": 1.0, "s": 1e3}


def run_wrk(url: str, *, connections: int, seconds: int, gateway: Sequence[int], headers: Sequence[str]) -> Run:
    """Loads the URL from the helpers' core; `gateway` are the processes whose CPU time counts as the gateway's."""
    options = [f"-c{connections}", "-t1", f"-d{seconds}s", "--latency"]
    options += [part for header in headers for part in ("-H", header)]
    gateway_before, helper_before = cpu_seconds(gateway), core_busy_seconds(HELPER_CORE)
    text = subprocess.run(
        ["taskset", "-c", str(HELPER_CORE), required("wrk"), *options, url],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    gateway_cpu = cpu_seconds(gateway) - gateway_before
    helper_busy = (core_busy_seconds(HELPER_CORE) - helper_before) / seconds
    percentiles = {name: float(value) * _MILLIS[unit] for name, value, unit in _PERCENTILE.findall(text)}
    failed = sum(int(number) for groups in _FAILED.findall(text) for number in groups if number)
    return Run(
        rate=float(_RATE.findall(text)[0]),
        p50_ms=percentiles["50"],
        p99_ms=percentiles["99"],
        failed=failed,
        gateway_cpu_us=gateway_cpu / max(1, int(_COUNT.findall(text)[0])) * 1e6,
        helper_busy=helper_busy,
    )
