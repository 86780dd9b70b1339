"""Many runs as tables: which count, what their middle is, what stands beside what."""

from dataclasses import replace

from bench.load import Run
from bench.report import FOOTNOTE, added_latency, comparison, document, growth, summarised

RUN = Run(rate=100.0, p50_ms=1.0, p99_ms=2.0, failed=0, gateway_cpu_us=50.0, gateway_busy=0.9, helper_busy=0.5)


def test_the_middle_run_speaks_for_all() -> None:
    summary = summarised("a", [replace(RUN, rate=rate, failed=1) for rate in (300.0, 100.0, 200.0)])
    assert (summary.rate, summary.counted, summary.runs, summary.failed) == (200.0, 3, 3, 3)


def test_a_run_counts_only_while_the_helpers_had_time_left() -> None:
    runs = [replace(RUN, rate=100.0, helper_busy=0.84), replace(RUN, rate=900.0, helper_busy=0.85)]
    summary = summarised("a", runs)
    assert (summary.rate, summary.helper_busy, summary.counted, summary.mark) == (100.0, 0.84, 1, "")


def test_where_no_run_counts_all_are_shown_and_marked() -> None:
    summary = summarised("a", [replace(RUN, rate=rate, helper_busy=0.99) for rate in (100.0, 300.0)])
    assert (summary.rate, summary.counted, summary.mark) == (200.0, 0, " †")


def test_gateways_stand_beside_those_references_that_were_measured() -> None:
    rows = [summarised("nginx", [replace(RUN, rate=2000.0)]), summarised("ours", [replace(RUN, helper_busy=1.0)])]
    assert comparison(rows, ["nginx", "Envoy"]).splitlines() == [
        "| gateway | requests/s | × nginx | p50 ms | p99 ms | CPU µs/request | gateway's core | helpers' core "
        "| runs that count | failed |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| nginx | 2,000 | 1.00 | 1.00 | 2.00 | 50 | 90% | 50% | 1 of 1 | 0 |",
        "| ours | 100 † | 0.05 | 1.00 | 2.00 | 50 | 90% | 100% | 0 of 1 | 0 |",
    ]


def test_latency_is_told_over_going_without_a_gateway() -> None:
    direct = summarised("no gateway", [replace(RUN, p50_ms=0.25, p99_ms=0.5)])
    assert added_latency([summarised("ours", [RUN])], direct).splitlines()[2:] == [
        "| no gateway | 0.25 | 0.50 | 0.00 | 0.00 |",
        "| ours | 1.00 | 2.00 | 0.75 | 1.50 |",
    ]


def test_growth_is_told_as_the_share_of_speed_that_is_left() -> None:
    few, many = summarised("1", [RUN]), summarised("10,000", [replace(RUN, rate=90.0)])
    assert growth(few, many).splitlines()[-1] == "| 10,000 | 90 | 0.90 | 2.00 | 50 |"


def test_the_footnote_stands_where_a_row_is_marked_and_only_there() -> None:
    assert document({"Title": "| a |\n"}, ["Note."]) == "## Title\n\n| a |\n\nNote.\n"
    assert document({"Title": "| 1 † |\n"}, ["Note."]) == f"## Title\n\n| 1 † |\n\n{FOOTNOTE}\n\nNote.\n"
