"""These tests run on both loops: how a connection ends differs from one to the other."""

import asyncio
from collections.abc import Callable

import pytest
import uvloop


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The worker's loop and the standard one."""
    return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.new_event_loop}
