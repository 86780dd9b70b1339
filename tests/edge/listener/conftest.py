"""The loop of the edge, whose TLS is uvloop's own, and certificates of an authority that clients trust."""

from collections.abc import Callable

import pytest
import uvloop

from tests.support.authority import Authority


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, Callable[[], uvloop.Loop]]:
    """uvloop for each test of this folder."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def authority() -> Authority:
    """An authority."""
    return Authority()
