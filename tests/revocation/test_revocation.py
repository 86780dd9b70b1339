"""No edge admits a key by a request that began when its end was in force, whatever overtakes what."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.revocation import story
from tests.revocation.world import SHORT


@pytest.fixture
def folder() -> Iterator[Path]:
    """For sockets: its path is short."""
    with tempfile.TemporaryDirectory(prefix="rv") as name:
        yield Path(name)


async def test_no_edge_admits_a_key_whose_end_is_in_force(database_url: str, folder: Path) -> None:
    told = await story.whole(database_url, folder, SHORT, keys=12)
    assert told.wrong == []
    assert {edge for each in told.cut_off for edge in each.pending} == {"edge-2", "edge-3"}
    assert {edge for each in told.half_open for edge in each.pending} == {"edge-3"}
    for report in told.reports:
        assert report.admitted > 0
        assert report.refused > 0


async def test_a_look_up_that_nothing_fences_is_found(database_url: str, folder: Path) -> None:
    told = await story.calm(database_url, folder, replace(SHORT, plant="no_fence"), keys=40)
    assert told.wrong
