"""Shows the workers' tallies as Prometheus text: one tally, two families of names (A16, B15)."""

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from edge.tally import BUCKETS, EVENTS, GAUGES, RequestCount, Tally


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
            yield GaugeMetricFamily(gauge, GAUGES[gauge][0], value=level)

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
