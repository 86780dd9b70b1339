"""Counts of a worker's requests: one tally on the hot path, shown as two families of names (A16, B15).

Each worker writes its tally to a file once a second and takes it up again when it restarts, so that counters go on
over restarts; whoever shows metrics sums the files. A label is always a template or a catalogue code, never a
client's string.
"""

import os
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from pathlib import Path

import orjson
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the duration histogram, in seconds."""

RequestKey = tuple[str, str, int]
"""Method, route template, status."""


class RequestCount:
    """What is counted of requests with one key. `buckets` has one more place than BUCKETS."""

    __slots__ = ("buckets", "count", "request_bytes", "response_bytes", "seconds")

    def __init__(self) -> None:
        self.count = 0
        self.seconds = 0.0
        self.request_bytes = 0
        self.response_bytes = 0
        self.buckets = [0] * (len(BUCKETS) + 1)

    def add(self, other: "RequestCount") -> None:
        """Adds another count to this one."""
        self.count += other.count
        self.seconds += other.seconds
        self.request_bytes += other.request_bytes
        self.response_bytes += other.response_bytes
        self.buckets = [mine + its for mine, its in zip(self.buckets, other.buckets, strict=True)]


class Tally:
    """The counts of one worker, or the sum of several."""

    def __init__(self) -> None:
        self.requests: dict[RequestKey, RequestCount] = {}
        self.events: dict[tuple[str, str], int] = {}
        """Other counters: (name, label value) → count; the names are keys of EVENTS."""
        self.gauges: dict[str, float] = {}

    def request(
        self, method: str, path: str, status: int, seconds: float, request_bytes: int, response_bytes: int
    ) -> None:
        """Counts one answered request. On the hot path: one look-up and a bisection."""
        key = (method, path, status)
        count = self.requests.get(key)
        if count is None:
            count = self.requests[key] = RequestCount()
        count.count += 1
        count.seconds += seconds
        count.request_bytes += request_bytes
        count.response_bytes += response_bytes
        count.buckets[bisect_left(BUCKETS, seconds)] += 1

    def event(self, name: str, label: str = "", number: int = 1) -> None:
        """Counts events of EVENTS."""
        key = (name, label)
        self.events[key] = self.events.get(key, 0) + number

    def add(self, other: "Tally") -> None:
        """Adds another worker's counts to these."""
        for key, count in other.requests.items():
            self.requests.setdefault(key, RequestCount()).add(count)
        for event, number in other.events.items():
            self.events[event] = self.events.get(event, 0) + number
        for name, value in other.gauges.items():
            self.gauges[name] = self.gauges.get(name, 0.0) + value

    def dump(self) -> bytes:
        """The tally as JSON, for `load`."""
        return orjson.dumps(
            {
                "requests": [
                    [*key, c.count, c.seconds, c.request_bytes, c.response_bytes, c.buckets]
                    for key, c in self.requests.items()
                ],
                "events": [[*key, number] for key, number in self.events.items()],
                "gauges": self.gauges,
            }
        )

    @classmethod
    def load(cls, data: bytes) -> "Tally":
        """The tally that `dump` wrote; ValueError for anything else."""
        tally = cls()
        try:
            document = orjson.loads(data)
            for method, path, status, number, seconds, received, sent, buckets in document["requests"]:
                count = tally.requests[method, path, status] = RequestCount()
                count.count, count.seconds = number, seconds
                count.request_bytes, count.response_bytes, count.buckets = received, sent, buckets
            tally.events = {(name, label): number for name, label, number in document["events"]}
            tally.gauges = dict(document["gauges"])
        except (KeyError, TypeError) as error:
            raise ValueError("not a tally") from error
        return tally


EVENTS: Mapping[str, tuple[str, str | None]] = {
    "rate_limit_hits": ("Requests refused by a rate limit.", None),
    "downstream_timeout": ("Requests whose upstream did not answer in time.", None),
    "rate_limit_fail_open": ("Decisions made without the shared counters.", "reason"),
    "gateway_auth_attempts": ("Credentials examined.", "status"),
    "gateway_auth_cache_hits": ("Credentials found in the worker's cache.", None),
    "gateway_auth_cache_misses": ("Credentials looked up at authsvc.", None),
    "gateway_auth_stale": ("Requests served by a cached principal while authsvc was away.", None),
    "gateway_rate_limit_exceeded": ("Requests refused by a rate limit, by route.", "endpoint"),
    "telemetry_dropped": ("Telemetry records dropped.", "reason"),
}
"""Counters besides the requests: name without `_total` → help and the name of its label."""


def tally_file(run_dir: Path, slot: int) -> Path:
    """Where a worker keeps its tally."""
    return run_dir / f"edge-{slot}.metrics.json"


def save_tally(tally: Tally, run_dir: Path, slot: int) -> None:
    """Writes a worker's tally so that a reader never sees half of it."""
    path = tally_file(run_dir, slot)
    scratch = path.with_suffix(".tmp")
    scratch.write_bytes(tally.dump())
    os.replace(scratch, path)


def resume_tally(run_dir: Path, slot: int) -> Tally:
    """The tally that the slot's worker before this one left, or an empty one. Gauges start anew."""
    try:
        tally = Tally.load(tally_file(run_dir, slot).read_bytes())
    except (OSError, ValueError):
        return Tally()
    tally.gauges = {}
    return tally


def load_tallies(run_dir: Path) -> list[Tally]:
    """The tallies of all workers; a file that cannot be read is left out."""
    tallies = []
    for path in sorted(run_dir.glob("edge-*.metrics.json")):
        try:
            tallies.append(Tally.load(path.read_bytes()))
        except (OSError, ValueError):
            continue
    return tallies


def render(tallies: Iterable[Tally]) -> bytes:
    """The Prometheus text of the workers' sum."""
    total = Tally()
    for tally in tallies:
        total.add(tally)
    registry = CollectorRegistry()
    registry.register(_Families(total))
    return generate_latest(registry)


class _Families(Collector):
    """Shows one tally under both families of names."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def collect(self) -> Iterable[Metric]:
        yield from self._requests()
        for name, (help_text, label) in EVENTS.items():
            family = CounterMetricFamily(name, help_text, labels=[label] if label else None)
            counts = {key[1]: n for key, n in self._tally.events.items() if key[0] == name}
            if label is None:
                family.add_metric([], sum(counts.values()))
            for value, number in counts.items() if label else ():
                family.add_metric([value], number)
            yield family
        for gauge, level in self._tally.gauges.items():
            yield GaugeMetricFamily(gauge, "A level of the workers, summed.", value=level)

    def _requests(self) -> Iterable[Metric]:
        by_status = CounterMetricFamily("http_requests", "Answered requests.", labels=["method", "path", "status"])
        by_code = CounterMetricFamily(
            "gateway_requests", "Answered requests.", labels=["method", "path", "status_code"]
        )
        sizes_in = CounterMetricFamily(
            "gateway_request_size_bytes", "Octets of request bodies.", labels=["method", "path"]
        )
        sizes_out = CounterMetricFamily(
            "gateway_response_size_bytes", "Octets of answers' bodies.", labels=["method", "path"]
        )
        durations: dict[tuple[str, str], RequestCount] = {}
        for (method, path, status), count in self._tally.requests.items():
            by_status.add_metric([method, path, str(status)], count.count)
            by_code.add_metric([method, path, str(status)], count.count)
            durations.setdefault((method, path), RequestCount()).add(count)
        for (method, path), count in durations.items():
            sizes_in.add_metric([method, path], count.request_bytes)
            sizes_out.add_metric([method, path], count.response_bytes)
        yield from (by_status, by_code, sizes_in, sizes_out)
        yield _histogram("http_request_duration_ms", 1000.0, durations)
        yield _histogram("gateway_request_duration_seconds", 1.0, durations)


def _histogram(name: str, scale: float, durations: Mapping[tuple[str, str], RequestCount]) -> HistogramMetricFamily:
    family = HistogramMetricFamily(name, "Time until the answer was complete.", labels=["method", "path"])
    bounds = [*(f"{bound * scale:g}" for bound in BUCKETS), "+Inf"]
    for labels, count in durations.items():
        reached, buckets = 0, []
        for bound, number in zip(bounds, count.buckets, strict=True):
            reached += number
            buckets.append((bound, float(reached)))
        family.add_metric(list(labels), buckets, sum_value=count.seconds * scale)
    return family
