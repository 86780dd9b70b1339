"""One tally, two families of names; counters that go on over restarts and add up over workers."""

from pathlib import Path

from edge.metrics import Tally, load_tallies, render, resume_tally, save_tally, tally_file


def counted(requests: int = 1) -> Tally:
    tally = Tally()
    for _ in range(requests):
        tally.request("GET", "/api", 200, 0.004, 10, 20)
    tally.event("gateway_rate_limit_exceeded", "/api")
    return tally


def test_both_families_show_the_same_count() -> None:
    text = render([counted(3)]).decode()
    assert 'http_requests_total{method="GET",path="/api",status="200"} 3.0' in text
    assert 'gateway_requests_total{method="GET",path="/api",status_code="200"} 3.0' in text
    assert 'gateway_request_duration_seconds_bucket{le="0.005",method="GET",path="/api"} 3.0' in text
    assert 'gateway_request_duration_seconds_bucket{le="0.0025",method="GET",path="/api"} 0.0' in text
    assert 'http_request_duration_ms_bucket{le="5",method="GET",path="/api"} 3.0' in text
    assert 'gateway_response_size_bytes_total{method="GET",path="/api"} 60.0' in text
    assert 'gateway_rate_limit_exceeded_total{endpoint="/api"} 1.0' in text


def test_workers_add_up(tmp_path: Path) -> None:
    save_tally(counted(2), tmp_path, 0)
    save_tally(counted(3), tmp_path, 1)
    assert 'status="200"} 5.0' in render(load_tallies(tmp_path)).decode()


def test_a_restarted_worker_goes_on_counting(tmp_path: Path) -> None:
    first = counted(2)
    first.gauges["gateway_connections"] = 7.0
    save_tally(first, tmp_path, 0)
    second = resume_tally(tmp_path, 0)
    second.request("GET", "/api", 200, 0.004, 10, 20)
    assert second.requests["GET", "/api", 200].count == 3
    assert second.gauges == {}


def test_a_damaged_file_is_left_out(tmp_path: Path) -> None:
    save_tally(counted(2), tmp_path, 0)
    for slot, content in enumerate((b"{", b"[]", b'{"requests": 1}'), start=1):
        tally_file(tmp_path, slot).write_bytes(content)
    assert len(load_tallies(tmp_path)) == 1
    assert resume_tally(tmp_path, 2).requests == {}
