"""One tally, two families of names."""

from edge.metrics import render
from edge.tally import Tally
from tests.edge.tallies import counted

SHOWN = """\
http_requests_total{method="GET",path="/api",status="200"} 3.0
http_requests_total{method="GET",path="/api",status="429"} 1.0
http_request_duration_ms_bucket{le="2.5",method="GET",path="/api",status="200"} 0.0
http_request_duration_ms_bucket{le="5",method="GET",path="/api",status="200"} 3.0
http_request_duration_ms_count{method="GET",path="/api",status="200"} 3.0
rate_limit_hits_total{method="GET",path="/api",status="429"} 1.0
downstream_timeout_total{method="POST",path="/slow",status="504"} 1.0
gateway_requests_total{method="GET",path="/api",status_code="200"} 3.0
gateway_request_duration_seconds_bucket{le="0.0025",method="GET",path="/api"} 1.0
gateway_request_duration_seconds_bucket{le="0.005",method="GET",path="/api"} 4.0
gateway_request_size_bytes_count{method="GET",path="/api"} 4.0
gateway_request_size_bytes_sum{method="GET",path="/api"} 30.0
gateway_response_size_bytes_sum{method="GET",path="/api"} 90.0
gateway_auth_attempts_total{status="success"} 1.0
gateway_auth_cache_hits_total 7.0
gateway_auth_cache_misses_total 2.0
gateway_rate_limit_exceeded_total{endpoint="/api"} 1.0
gateway_service_health{service_name="sales",status="healthy"} 0.0
gateway_service_health{service_name="sales",status="unhealthy"} 1.0
gateway_target_out_of_use{reason="503",service_name="sales",state="open",target="a:1",tenant_id="t"} 1.0
gateway_target_states_total{state="open"} 1.0
gateway_upstream_repeats_total{result="sent"} 1.0
gateway_health_checks_total{verdict="healthy"} 1.0
"""
"""Every name of A16 and B15 with the labels that they ask for."""


def test_both_families_show_the_same_counts_with_the_labels_of_the_requirements() -> None:
    tally = counted(3)
    tally.request("POST", "/slow", 504, 10.1, 0, 0).timed_out += 1
    tally.event("gateway_auth_cache_hits", "", 7)
    tally.event("gateway_auth_cache_misses", "", 2)
    tally.services["sales"] = ("unhealthy", 1_700_000_000.0)
    tally.targets["t", "sales", "a:1", "open", "503"] = 1
    tally.event("gateway_target_states", "open")
    tally.event("gateway_upstream_repeats", "sent")
    tally.event("gateway_health_checks", "healthy")
    text = render([tally]).decode().splitlines()
    assert [line for line in SHOWN.splitlines() if line not in text] == []


def test_every_family_is_named_before_anything_was_counted() -> None:
    text = render([Tally()]).decode()
    for name in dict.fromkeys(line.partition("{")[0].partition(" ")[0] for line in SHOWN.splitlines()):
        assert f"# TYPE {name.removesuffix('_bucket').removesuffix('_count').removesuffix('_sum')} " in text


def test_a_target_that_two_workers_do_not_use_counts_twice() -> None:
    workers = [Tally(), Tally()]
    for tally in workers:
        tally.targets["t", "sales", "a:1", "open", "503"] = 1
    assert 'tenant_id="t"} 2.0' in render(workers).decode()


def test_workers_add_up() -> None:
    assert 'status="200"} 5.0' in render([counted(2), counted(3)]).decode()


def test_levels_of_workers_add_up_where_they_are_amounts_and_the_revision_is_the_oldest_one() -> None:
    workers = [Tally() for _ in range(3)]
    for tally, revision in zip(workers, (41, 40, 42), strict=True):
        tally.gauges |= {"gateway_config_revision": revision, "telemetry_spooled_records": 10}
    text = render(workers).decode()
    assert "gateway_config_revision 40.0" in text
    assert "telemetry_spooled_records 30.0" in text
