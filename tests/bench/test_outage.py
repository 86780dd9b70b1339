"""What is told of an outage: who failed, how long requests took, when the counters were shared again."""

from bench.outage import Run, Sample, p99


def run() -> Run:
    """A fault from second 10 to 20."""
    found = Run(began=10.0, ended=20.0)
    found.samples["local"] = [
        *(Sample(float(second), 0.002, "200") for second in range(10)),
        Sample(9.995, 0.030, "200"),
        *(Sample(11 + number / 50, 0.003, "200") for number in range(100)),
        Sample(25.0, 0.002, "closed without an answer"),
    ]
    found.samples["strict"] = [Sample(1.0, 0.002, "200"), Sample(15.0, 0.002, "503"), Sample(20.5, 0.1, "503")]
    return found


def test_a_request_under_way_at_the_beginning_tells_what_was_added() -> None:
    assert run().row("local") == "112 | 1 | 0 | 2.0 | 2.0 | 28.0 | 3.0"


def test_a_503_is_what_the_strict_are_promised_and_nobody_else() -> None:
    found = run()
    found.samples["open"] = found.samples["strict"]
    assert (found.failed("strict"), found.failed("open"), found.failed("local")) == (0, 2, 1)


def test_the_counters_are_shared_again_after_the_last_refusal() -> None:
    found = run()
    assert round(found.shared_again, 6) == 0.6
    found.samples["strict"] = [Sample(15.0, 0.002, "503")]
    assert found.shared_again == 0.0


def test_of_nothing_the_99th_percentile_is_nothing() -> None:
    assert (p99([]), p99([1.0]), p99([float(number) for number in range(200)])) == (0.0, 1.0, 198.0)
