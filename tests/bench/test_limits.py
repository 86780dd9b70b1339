"""Runs of ratelimitsvc as a table."""

from dataclasses import replace

from bench.decisions import Keys
from bench.limits import Run, decisions
from bench.stores import NOTHING, stores_table
from ratelimitsvc.batch import Layout, packed

RUN = Run(
    rate=40_000.0,
    batch=16.0,
    p50_ms=1.0,
    p99_ms=2.0,
    failed=0,
    service_us=12.5,
    service_busy=0.5,
    redis_us=6.0,
    helper_busy=0.7,
    ceiling=100_000.0,
)


def test_the_medians_stand_beside_what_redis_does_alone() -> None:
    runs = [replace(RUN, rate=rate, failed=1) for rate in (30_000.0, 90_000.0, 40_000.0)]
    assert decisions({64: runs}).splitlines() == [
        "| callers | batch | decisions/s | p50 ms | p99 ms | service µs | service's core | a whole core/s | Redis µs "
        "| a core of Redis alone/s | share of it | helpers' core | failed |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| 64 | 16.0 | 40,000 | 1.00 | 2.00 | 12.5 | 50% | 80,000 | 6.0 | 100,000 | 80% | 70% | 3 |",
    ]


def test_the_stores_stand_beside_a_script_that_does_nothing() -> None:
    micros = {(NOTHING, 1): 5.0, (NOTHING, 64): 0.25, ("ring", 1): 20.0, ("ring", 64): 8.0}
    assert stores_table(micros, {"ring": 4_400}).splitlines() == [
        "| store | bytes | µs, batch of 1 | a core of Redis/s | µs, batch of 64 | a core of Redis/s |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        "| EVALSHA that does nothing | – | 5.0 | 200,000 | 0.2 | 4,000,000 |",
        "| ring | 4,400 | 20.0 | 50,000 | 8.0 | 125,000 |",
    ]


def test_keys_are_all_different_and_fit_the_contract() -> None:
    keys = Keys.of(1_000, 1)
    assert len(set(keys.names)) == 1_000
    assert packed(keys.checks()[:128], Layout()).checks == 128
