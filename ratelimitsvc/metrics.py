"""What the service counts besides its rpcs: decisions, what failed or was shed, leases."""

from prometheus_client import CollectorRegistry, Counter


class LimitMetrics:
    """Counters on the process's registry, one step per batch."""

    def __init__(self, registry: CollectorRegistry) -> None:
        decisions = Counter("ratelimit_decisions_total", "Checks by their outcome.", ("outcome",), registry=registry)
        self._admitted = decisions.labels("admitted")
        self._refused = decisions.labels("refused")
        self._undecided = decisions.labels("undecided")
        self._batches = Counter("ratelimit_batches_total", "Batches decided.", registry=registry)
        self._shed = Counter(
            "ratelimit_shed_checks_total", "Checks not decided because they had waited too long.", registry=registry
        )
        leases = Counter("ratelimit_leases_total", "Leases asked for.", ("outcome",), registry=registry)
        self._granted = leases.labels("granted")
        self._denied = leases.labels("refused")
        self._failures = Counter(
            "ratelimit_batch_failures_total", "Batches not decided.", ("reason",), registry=registry
        )

    def leased(self, *, granted: bool) -> None:
        """Counts a lease that was asked for."""
        (self._granted if granted else self._denied).inc()

    def decided(self, checks: int, admitted: int, undecided: int = 0) -> None:
        """Counts a batch of `checks`, of which `admitted` were, and `undecided` lay on a node that is away."""
        self._batches.inc()
        self._admitted.inc(admitted)
        self._refused.inc(checks - admitted - undecided)
        self._undecided.inc(undecided)

    def shed(self, checks: int) -> None:
        """Counts the checks of a batch whose turn came too late."""
        self._shed.inc(checks)

    def failed(self, reason: str) -> None:
        """Counts a batch that was not decided, by the catalogue's reason."""
        self._failures.labels(reason).inc()
