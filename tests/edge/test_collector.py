"""The garbage collector of a worker leaves alone what lives as long as the process."""

import gc
from collections.abc import Iterator

import pytest

from edge.collector import quiet_collector


@pytest.fixture
def own_collector() -> Iterator[None]:
    """The collector as it was, afterwards."""
    threshold = gc.get_threshold()
    yield
    gc.set_threshold(*threshold)
    gc.unfreeze()


@pytest.mark.usefixtures("own_collector")
def test_what_is_there_at_the_start_is_never_looked_at_again() -> None:
    lasting = [object()]
    quiet_collector()
    assert gc.get_freeze_count() > 1_000
    assert not any(each is lasting for each in gc.get_objects())
    later = [object()]
    assert any(each is later for each in gc.get_objects())
