"""What a batch leaves in the counters."""

from prometheus_client import CollectorRegistry

from ratelimitsvc.metrics import LimitMetrics


def counted(registry: CollectorRegistry) -> dict[str, float]:
    """The counters by name and label, without the times of their making."""
    return {
        " ".join((sample.name, *sample.labels.values())): sample.value
        for family in registry.collect()
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def test_before_the_first_batch_every_outcome_is_there_to_be_watched() -> None:
    registry = CollectorRegistry()
    LimitMetrics(registry)
    assert counted(registry) == {
        "ratelimit_decisions_total admitted": 0,
        "ratelimit_decisions_total refused": 0,
        "ratelimit_decisions_total undecided": 0,
        "ratelimit_batches_total": 0,
        "ratelimit_shed_checks_total": 0,
        "ratelimit_leases_total granted": 0,
        "ratelimit_leases_total refused": 0,
    }


def test_each_check_of_a_batch_is_admitted_or_refused_or_undecided_and_the_batch_counts_once() -> None:
    registry = CollectorRegistry()
    metrics = LimitMetrics(registry)
    metrics.decided(checks=5, admitted=3)
    metrics.decided(checks=2, admitted=0)
    metrics.decided(checks=0, admitted=0)
    metrics.decided(checks=1, admitted=0, undecided=1)
    assert counted(registry) == {
        "ratelimit_decisions_total admitted": 3,
        "ratelimit_decisions_total refused": 4,
        "ratelimit_decisions_total undecided": 1,
        "ratelimit_batches_total": 4,
        "ratelimit_shed_checks_total": 0,
        "ratelimit_leases_total granted": 0,
        "ratelimit_leases_total refused": 0,
    }


def test_a_lease_is_granted_or_refused() -> None:
    registry = CollectorRegistry()
    metrics = LimitMetrics(registry)
    for granted in (True, False, True):
        metrics.leased(granted=granted)
    told = counted(registry)
    assert (told["ratelimit_leases_total granted"], told["ratelimit_leases_total refused"]) == (2, 1)


def test_a_batch_that_failed_is_told_by_its_reason_and_decides_nothing() -> None:
    registry = CollectorRegistry()
    metrics = LimitMetrics(registry)
    for reason in ("UNAVAILABLE", "BAD_REQUEST", "UNAVAILABLE"):
        metrics.failed(reason)
    assert counted(registry) == {
        "ratelimit_decisions_total admitted": 0,
        "ratelimit_decisions_total refused": 0,
        "ratelimit_decisions_total undecided": 0,
        "ratelimit_batches_total": 0,
        "ratelimit_shed_checks_total": 0,
        "ratelimit_leases_total granted": 0,
        "ratelimit_leases_total refused": 0,
        "ratelimit_batch_failures_total UNAVAILABLE": 2,
        "ratelimit_batch_failures_total BAD_REQUEST": 1,
    }


def test_what_is_shed_is_counted_by_checks() -> None:
    registry = CollectorRegistry()
    metrics = LimitMetrics(registry)
    metrics.shed(5)
    metrics.shed(2)
    assert counted(registry)["ratelimit_shed_checks_total"] == 7
