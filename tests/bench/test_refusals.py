"""What is told of refusals: how far their times differ, and when that tells something."""

import pytest

from bench.refusals import Difference, difference, report

STEADY = [0.005 + number % 7 / 1e5 for number in range(200)]


def test_a_difference_is_that_of_pairs_whatever_the_machine_does_meanwhile() -> None:
    reference = [each * (1 + number) for number, each in enumerate(STEADY)]
    found = difference([each + 0.0004 for each in reference], reference)
    assert [round(each, 9) for each in (found.least, found.median, found.most)] == [0.0004] * 3


def test_the_bounds_hold_what_is_drawn_by_chance() -> None:
    found = difference([each + (-1) ** number * 0.001 for number, each in enumerate(STEADY)], STEADY)
    assert found.least < 0 < found.most


@pytest.mark.parametrize(
    ("found", "tells"),
    [
        pytest.param(Difference(0.0004, 0.0003, 0.0005), True, id="clear and large"),
        pytest.param(Difference(-0.0004, -0.0005, -0.0003), True, id="as much faster"),
        pytest.param(Difference(0.0004, -0.0001, 0.0009), False, id="perhaps chance"),
        pytest.param(Difference(0.00002, 0.00001, 0.00003), False, id="clear and small"),
    ],
)
def test_only_what_is_clear_and_large_tells(found: Difference, tells: bool) -> None:
    assert found.tells(0.005) is tells


def test_a_kind_that_is_told_apart_is_not_sound(capsys: pytest.CaptureFixture[str]) -> None:
    assert report({"unknown": STEADY, "wrong": STEADY})
    assert not report({"unknown": STEADY, "revoked": [each + 0.001 for each in STEADY]})
    assert "| revoked | 6.030 | +1000 (+1000 to +1000) | yes |" in capsys.readouterr().out
