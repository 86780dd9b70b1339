"""Fixtures of authsvc's tests."""

from pathlib import Path

import pytest

from tests.authsvc.replica import Cluster, make_cluster
from tests.support.services import ServiceHost


@pytest.fixture
async def cluster(service_host: ServiceHost, database_url: str, tmp_path: Path) -> Cluster:
    """A migrated database; replicas are started from it with `async with cluster.replica()`."""
    return await make_cluster(service_host, database_url, tmp_path)
