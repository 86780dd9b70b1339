"""What wrk says, read."""

from dataclasses import asdict

import pytest

from bench.load import Run, parsed

TEXT = """Running 4s test @ http://127.0.0.1:9000/demo/x
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.28ms  342.00us   9.91ms   88.97%
    Req/Sec    50.15k     3.11k   55.02k    67.50%
  Latency Distribution
     50%  950.00us
     75%    1.40ms
     90%    1.61ms
     99%    1.02s
  200000 requests in 4.00s, 40.05MB read
Requests/sec:  50000.25
Transfer/sec:     10.01MB
"""


def read(text: str) -> Run:
    return parsed(text, seconds=4, gateway_seconds=3.6, helper_seconds=3.0)


def test_a_run_is_read_in_the_units_of_the_table() -> None:
    assert asdict(read(TEXT)) == pytest.approx(
        {
            "rate": 50000.25,
            "p50_ms": 0.95,
            "p99_ms": 1020.0,
            "failed": 0,
            "gateway_cpu_us": 18.0,
            "gateway_busy": 0.9,
            "helper_busy": 0.75,
        }
    )


@pytest.mark.parametrize(
    ("line", "failed"),
    [
        ("  Non-2xx or 3xx responses: 17", 17),
        ("  Socket errors: connect 1, read 20, write 300, timeout 4000", 4321),
        ("  Socket errors: connect 0, read 0, write 0, timeout 2\n  Non-2xx or 3xx responses: 3", 5),
    ],
)
def test_failures_of_every_kind_are_counted(line: str, failed: int) -> None:
    assert read(TEXT + line + "\n").failed == failed
