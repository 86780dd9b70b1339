"""What numbers of a config message mean."""

from google.protobuf.duration_pb2 import Duration

from edge.config.numbers import known_number, seconds_of
from edge.config.reasons import Reasons


def test_a_duration_is_seconds() -> None:
    assert seconds_of(Duration(seconds=2, nanos=500_000_000)) == 2.5


def test_a_number_that_is_not_known_is_a_reason_and_the_safe_meaning() -> None:
    reasons = Reasons("auth")
    assert known_number({1: "one"}, 1, reasons, "safe") == "one"
    assert reasons.found == []
    assert known_number({1: "one"}, 2, reasons, "safe") == "safe"
    assert [(each.path, each.message) for each in reasons.found] == [("auth", "is not known to this gateway")]
