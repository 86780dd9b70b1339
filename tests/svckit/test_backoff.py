"""The schedule 1, 2, 4, 8, 16, 30, 30 … s, each scaled by U(0.5, 1)."""

from itertools import islice

import pytest

from svckit.backoff import delay_seconds, delays


@pytest.mark.parametrize(
    ("failures", "longest"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16), (6, 30), (7, 30), (10_000, 30)]
)
def test_a_wait_lies_between_half_of_its_step_and_all_of_it(failures: int, longest: float) -> None:
    assert delay_seconds(failures, 0.0) == longest / 2
    assert longest * 0.999 < delay_seconds(failures, 0.999_999) < longest


def test_a_series_draws_anew_for_each_wait_and_never_ends() -> None:
    draws = iter([0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.5])

    assert list(islice(delays(lambda: next(draws)), 7)) == [0.5, 1.5, 2.0, 4.0, 8.0, 15.0, 22.5]


def test_a_series_may_be_scaled_down() -> None:
    assert list(islice(delays(lambda: 0.0, scale=0.1), 2)) == pytest.approx([0.05, 0.1])
