"""Shows the workers' tallies as Prometheus text: one tally, two families of names (A16, B15)."""

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from edge.tally import BUCKETS, EVENTS, GAUGES, SERVICE_STATUSES, RequestCount, Tally

Counts = Mapping[tuple[str, ...], RequestCount]
"""Counts by the values of a family's labels."""


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
        yield from self._by_status()
        yield from self._by_path()
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
        yield self._services()
        yield self._targets()

    def _services(self) -> Metric:
        """One series for each status of a service, 1 for the present one: an alert names the one that it fears."""
        family = GaugeMetricFamily(
            "gateway_service_health",
            "Whether a service of the tenant default was in this status when it was last asked for its health.",
            labels=("service_name", "status"),
        )
        for name, (present, _) in self._tally.services.items():
            for status in SERVICE_STATUSES:
                family.add_metric((name, status), status == present)
        return family

    def _targets(self) -> Metric:
        family = GaugeMetricFamily(
            "gateway_target_out_of_use",
            "Workers that do not send a target all its share, by the state that they see it in and why.",
            labels=("tenant_id", "service_name", "target", "state", "reason"),
        )
        for named, workers in self._tally.targets.items():
            family.add_metric(named, workers)
        return family

    def _by_status(self) -> Iterable[Metric]:
        counts: Counts = {
            (method, path, str(status)): count for (method, path, status), count in self._tally.requests.items()
        }
        labels, codes = ("method", "path", "status"), ("method", "path", "status_code")
        yield _counter("http_requests", "Answered requests.", labels, counts, lambda each: each.count)
        yield _counter("gateway_requests", "Answered requests.", codes, counts, lambda each: each.count)
        yield _counter(
            "rate_limit_hits", "Requests refused by a rate limit.", labels, counts, lambda each: each.rate_limited
        )
        yield _counter(
            "downstream_timeout",
            "Requests whose upstream did not answer in time.",
            labels,
            counts,
            lambda each: each.timed_out,
        )
        yield _histogram("http_request_duration_ms", 1000.0, labels, counts)

    def _by_path(self) -> Iterable[Metric]:
        counts: dict[tuple[str, ...], RequestCount] = {}
        endpoints: dict[tuple[str, ...], RequestCount] = {}
        for (method, path, _), count in self._tally.requests.items():
            counts.setdefault((method, path), RequestCount()).add(count)
            endpoints.setdefault((path,), RequestCount()).add(count)
        labels = ("method", "path")
        yield _histogram("gateway_request_duration_seconds", 1.0, labels, counts)
        received = SummaryMetricFamily("gateway_request_size_bytes", "Octets of requests' bodies.", labels=labels)
        sent = SummaryMetricFamily("gateway_response_size_bytes", "Octets of answers' bodies.", labels=labels)
        for key, count in counts.items():
            received.add_metric(key, count.count, count.request_bytes)
            sent.add_metric(key, count.count, count.response_bytes)
        yield received
        yield sent
        yield _counter(
            "gateway_rate_limit_exceeded",
            "Requests refused by a rate limit, by route.",
            ("endpoint",),
            endpoints,
            lambda each: each.rate_limited,
        )


def _counter(
    name: str, help_text: str, labels: tuple[str, ...], counts: Counts, number: Callable[[RequestCount], int]
) -> CounterMetricFamily:
    """What `number` takes of each count, where it is not 0."""
    family = CounterMetricFamily(name, help_text, labels=labels)
    for key, count in counts.items():
        if value := number(count):
            family.add_metric(key, value)
    return family


def _histogram(name: str, scale: float, labels: tuple[str, ...], counts: Counts) -> HistogramMetricFamily:
    family = HistogramMetricFamily(name, "Time until the answer was complete.", labels=labels)
    bounds = [*(f"{bound * scale:g}" for bound in BUCKETS), "+Inf"]
    for key, count in counts.items():
        reached, buckets = 0, []
        for bound, number in zip(bounds, count.buckets, strict=True):
            reached += number
            buckets.append((bound, float(reached)))
        family.add_metric(key, buckets, sum_value=count.seconds * scale)
    return family
