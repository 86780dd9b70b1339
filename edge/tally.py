"""Counts of a worker's requests, kept on the hot path and added up over workers. No names of any exposition here.

A label is always a template or a catalogue code, never a client's string. Even so a worker keeps MAX_KEYS different
ones at most: a document may have thousands of routes, and an upstream may answer with any status.
"""

import operator
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping

import orjson

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the duration histogram, in seconds."""

RequestKey = tuple[str, str, int]
"""Method, route template, status."""
MAX_KEYS = 2_000
"""Fifty routes with six methods and six statuses each fit. Each costs 0.7 ms and 3 KB of a scrape."""
OTHER = "(other)"
"""The template of all requests whose own key would be one too many."""

EVENTS: Mapping[str, tuple[str, str | None]] = {
    "rate_limit_decisions": ("Limits decided, by where the counters were: redis, local, or open (passed).", "source"),
    "rate_limit_batches": ("Messages of decisions that ratelimitsvc answered.", None),
    "rate_limit_breaker_opened": ("Times that a worker began to decide limits alone.", "reason"),
    "rate_limit_fail_open": ("Decisions made without the shared counters.", "reason"),
    "gateway_auth_attempts": ("Credentials examined.", "status"),
    "gateway_auth_cache_hits": ("Credentials found in the worker's cache.", None),
    "gateway_auth_cache_misses": ("Credentials looked up at authsvc.", None),
    "gateway_auth_stale": ("Requests served by a cached principal while authsvc was away.", None),
    "gateway_connections_dropped": ("Connections that came to nothing before their first request.", "reason"),
    "gateway_target_states": ("Times that a target came to a state, as a worker sees it.", "state"),
    "gateway_upstream_repeats": ("Requests that were sent again, or were not for want of a budget.", "result"),
    "gateway_health_checks": ("Checks of targets, by what the target counts as after it.", "verdict"),
    "websocket_messages": ("Messages that passed through WebSockets, by who sent them: client or upstream.", "sender"),
    "websocket_bytes": ("Octets of frames that passed through WebSockets, by who sent them.", "sender"),
    "websocket_closed": ("WebSockets that have ended, by the code of their Close frame.", "code"),
    "websocket_refused": ("WebSockets that there was no room for: of the worker or of the tenant.", "bound"),
    "telemetry_dropped": ("Telemetry records dropped.", "reason"),
}
"""Counters besides the requests: name without `_total` → help and the name of its label."""

GAUGES: Mapping[str, tuple[str, Callable[[float, float], float]]] = {
    "gateway_auth_cached_principals": ("Principals in the workers' caches.", operator.add),
    "telemetry_spooled_records": ("Telemetry records that wait for the collector.", operator.add),
    "gateway_certificate_expiry_seconds": (
        "When the first of the certificates in use expires, in seconds since 1970.",
        min,
    ),
    "websocket_open": ("WebSockets that are open.", operator.add),
    "gateway_config_revision": ("The revision of the config of the worker that is furthest behind.", min),
}
"""Levels: name → help, and how those of two workers become one."""

TargetState = tuple[str, str, str, str, str]
"""Tenant, service, target, state, reason."""
MAX_TARGETS = 500
"""Of those that are not in use: with more than that gone, their number says it all."""
SERVICE_STATUSES = ("healthy", "degraded", "unhealthy", "unknown")


class RequestCount:
    """What is counted of requests with one key. `buckets` has one more place than BUCKETS; `rate_limited` and
    `timed_out` are those of them that a limit refused, and those whose upstream did not answer in time."""

    __slots__ = ("buckets", "count", "rate_limited", "request_bytes", "response_bytes", "seconds", "timed_out")

    def __init__(self) -> None:
        self.count = 0
        self.rate_limited = 0
        self.timed_out = 0
        self.seconds = 0.0
        self.request_bytes = 0
        self.response_bytes = 0
        self.buckets = [0] * (len(BUCKETS) + 1)

    def add(self, other: "RequestCount") -> None:
        """Adds another count to this one."""
        self.count += other.count
        self.rate_limited += other.rate_limited
        self.timed_out += other.timed_out
        self.seconds += other.seconds
        self.request_bytes += other.request_bytes
        self.response_bytes += other.response_bytes
        self.buckets = [mine + its for mine, its in zip(self.buckets, other.buckets, strict=True)]


class Tally:
    """The counts of one worker, or the sum of several."""

    def __init__(self) -> None:
        self.requests: dict[RequestKey, RequestCount] = {}
        self.events: Counter[tuple[str, str]] = Counter()
        """Other counters: (name, label value) → count; the names are keys of EVENTS."""
        self.gauges: dict[str, float] = {}
        self.services: dict[str, tuple[str, float]] = {}
        """The status of each service of `default` as it was last seen, and when, in seconds since 1970."""
        self.targets: Counter[TargetState] = Counter()
        """Targets that are not sent all their share, by how many workers see them so."""

    def request(
        self, method: str, path: str, status: int, seconds: float, request_bytes: int, response_bytes: int
    ) -> RequestCount:
        """Counts one answered request, and tells where. On the hot path: one look-up and a bisection."""
        count = self.requests.get((method, path, status))
        if count is None:
            count = self._new(method, path, status)
        count.count += 1
        count.seconds += seconds
        count.request_bytes += request_bytes
        count.response_bytes += response_bytes
        count.buckets[bisect_left(BUCKETS, seconds)] += 1
        return count

    def _new(self, method: str, path: str, status: int) -> RequestCount:
        """The count of a key that is not there yet, or of the rest when there are too many. The rest itself is
        bounded by what the edge lets through: seven methods, and statuses of three digits."""
        if len(self.requests) >= MAX_KEYS:
            path = OTHER
        return self.requests.setdefault((method, path, status), RequestCount())

    def event(self, name: str, label: str = "", number: int = 1) -> None:
        """Counts events of EVENTS."""
        self.events[name, label] += number

    def add(self, other: "Tally") -> None:
        """Adds another worker's counts to these."""
        for key, count in other.requests.items():
            self.requests.setdefault(key, RequestCount()).add(count)
        self.events += other.events
        for name, value in other.gauges.items():
            self.gauges[name] = GAUGES[name][1](self.gauges[name], value) if name in self.gauges else value
        self.targets += other.targets
        for name, seen in other.services.items():
            if name not in self.services or self.services[name][1] < seen[1]:
                self.services[name] = seen

    def dump(self) -> bytes:
        """The tally as JSON, for `load`."""
        return orjson.dumps(
            {
                "requests": [
                    [
                        *(*key, c.count, c.rate_limited, c.timed_out),
                        *(c.seconds, c.request_bytes, c.response_bytes, c.buckets),
                    ]
                    for key, c in self.requests.items()
                ],
                "events": [[*key, number] for key, number in self.events.items()],
                "gauges": self.gauges,
                "services": self.services,
                "targets": [[*named, number] for named, number in self.targets.items()],
            }
        )

    @classmethod
    def load(cls, data: bytes) -> "Tally":
        """The tally that `dump` wrote; ValueError for anything else."""
        tally = cls()
        try:
            document = orjson.loads(data)
            for method, path, status, number, limited, late, seconds, received, sent, buckets in document["requests"]:
                count = tally.requests[method, path, status] = RequestCount()
                count.count, count.rate_limited, count.timed_out, count.seconds = number, limited, late, seconds
                count.request_bytes, count.response_bytes, count.buckets = received, sent, buckets
            tally.events = Counter({(name, label): number for name, label, number in document["events"]})
            tally.services = {name: (status, at) for name, (status, at) in document["services"].items()}
            for tenant, service, target, state, reason, number in document.get(
                "targets", ()
            ):  # an older release has none
                tally.targets[tenant, service, target, state, reason] = number
            tally.gauges = {name: level for name, level in document["gauges"].items() if name in GAUGES}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError("not a tally") from error
        return tally

    def forget_levels(self) -> None:
        """Leaves the counts alone: a worker that has ended, or has only just begun, has no levels and sees nothing."""
        self.gauges, self.services, self.targets = {}, {}, Counter()
