"""Fixtures of configsvc's tests."""

from collections.abc import AsyncIterator

import pytest

from tests.configsvc.replica import Cluster, Replica, make_cluster
from tests.support.services import ServiceHost


@pytest.fixture
async def cluster(service_host: ServiceHost, database_url: str) -> Cluster:
    """A database and the fakes around configsvc; replicas are started with `async with cluster.replica()`."""
    return await make_cluster(service_host, database_url)


@pytest.fixture
async def replica(cluster: Cluster) -> AsyncIterator[Replica]:
    """One running configsvc."""
    async with cluster.replica() as running:
        yield running
