"""What the log of invalidations still knows."""

import pytest

from authsvc.invalidations.log import Extent


@pytest.mark.parametrize(
    ("extent", "position", "covered"),
    [
        (Extent(0, 1), 0, True),
        (Extent(5, 1), 0, True),
        (Extent(5, 3), 2, True),
        (Extent(5, 3), 1, False),
        (Extent(5, 6), 5, True),
        (Extent(5, 6), 4, False),
        (Extent(5, 3), 6, False),
    ],
)
def test_what_the_log_still_covers(extent: Extent, position: int, covered: bool) -> None:
    assert extent.covers(position) is covered
