"""Bounds by the service that is called; whether the contracts fit into them is in tests/contract."""

import pytest

from svckit.message_bounds import DEFAULT, bounds_of

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("service", "request_mib", "answer_mib"),
    [("authsvc", 2, 8), ("configsvc", 16, 16), ("ratelimitsvc", 4, 4), ("a team's", 4, 4)],
)
def test_bounds_of_a_service(service: str, request_mib: int, answer_mib: int) -> None:
    bounds = bounds_of(service)

    assert (bounds.request, bounds.answer) == (request_mib * MIB, answer_mib * MIB)


def test_a_service_that_has_none_of_its_own_has_those_of_all() -> None:
    assert bounds_of("telemetrysvc") is DEFAULT
