"""One tally, two families of names."""

from edge.metrics import render
from edge.tally import Tally
from tests.edge.tallies import counted


def test_both_families_show_the_same_count() -> None:
    text = render([counted(3)]).decode()
    assert 'http_requests_total{method="GET",path="/api",status="200"} 3.0' in text
    assert 'gateway_requests_total{method="GET",path="/api",status_code="200"} 3.0' in text
    assert 'gateway_request_duration_seconds_bucket{le="0.005",method="GET",path="/api"} 3.0' in text
    assert 'gateway_request_duration_seconds_bucket{le="0.0025",method="GET",path="/api"} 0.0' in text
    assert 'http_request_duration_ms_bucket{le="5",method="GET",path="/api"} 3.0' in text
    assert 'gateway_response_size_bytes_total{method="GET",path="/api"} 60.0' in text
    assert 'gateway_rate_limit_exceeded_total{endpoint="/api"} 1.0' in text


def test_workers_add_up() -> None:
    assert 'status="200"} 5.0' in render([counted(2), counted(3)]).decode()


def test_levels_of_workers_add_up_where_they_are_amounts_and_the_revision_is_the_oldest_one() -> None:
    workers = [Tally() for _ in range(3)]
    for tally, revision in zip(workers, (41, 40, 42), strict=True):
        tally.gauges |= {"gateway_config_revision": revision, "telemetry_spooled_records": 10}
    text = render(workers).decode()
    assert "gateway_config_revision 40.0" in text
    assert "telemetry_spooled_records 30.0" in text
