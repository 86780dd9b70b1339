"""These tests run on the loop that the worker runs on: how a connection ends differs from loop to loop."""

from collections.abc import Callable

import pytest
import uvloop


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, Callable[[], uvloop.Loop]]:
    """uvloop for each test of this folder."""
    return {"uvloop": uvloop.new_event_loop}
