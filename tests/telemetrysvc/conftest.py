"""A collector on a database of its own."""

from collections.abc import AsyncIterator

import pytest

from tests.support.services import ServiceHost
from tests.telemetrysvc.clients import Clients, open_clients
from tests.telemetrysvc.collectors import running_collector


@pytest.fixture
async def collector(service_host: ServiceHost, database_url: str) -> AsyncIterator[Clients]:
    """The service's rpcs, each called by a process that may."""
    async with running_collector(service_host, database_url) as channels:
        yield await open_clients(channels)
