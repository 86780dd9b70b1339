"""A short storm over the targets of a service; long ones are a command of their own (`make faults`)."""

import pytest

from tests.edge.faults.storm import MODES, storm


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_nothing_is_lost_or_done_twice_in_a_storm(seed: int) -> None:
    raging = await storm(seed)
    assert raging.wrong == []
    assert raging.statuses[200] > 300
    assert raging.changes.keys() & set(MODES[1:])
    assert raging.changes["config"]
