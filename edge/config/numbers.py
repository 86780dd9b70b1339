"""What numbers of a config message mean. Pure."""

from collections.abc import Mapping
from typing import TypeVar

from google.protobuf.duration_pb2 import Duration

from edge.config.reasons import Reasons

V = TypeVar("V")


def known_number(known: Mapping[int, V], value: int, reasons: Reasons, otherwise: V) -> V:
    """What an enum's number means. A number from a newer release is a reason: guessing could open a route."""
    if value not in known:
        reasons.add("is not known to this gateway")
        return otherwise
    return known[value]


def seconds_of(duration: Duration) -> float:
    """A duration in seconds."""
    return duration.seconds + duration.nanos / 1_000_000_000
