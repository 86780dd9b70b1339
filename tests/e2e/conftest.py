"""The suite as processes, started once for all end-to-end tests by the command that users type."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.suite import Suite, running_suite
from tests.e2e.upstream import RecordingUpstream, recording_upstream


@pytest.fixture(scope="session")
def envoy_listen(short_dir: Path) -> str:
    """Where Envoys may ask the suite about limits."""
    return f"unix:{short_dir}/limits.sock"


@pytest.fixture(scope="session")
def envoy_auth_listen(short_dir: Path) -> str:
    """Where Envoys may have the suite judge requests."""
    return f"unix:{short_dir}/auth.sock"


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory, envoy_listen: str, envoy_auth_listen: str) -> Iterator[Suite]:
    """A running cluster without demo tenant."""
    with running_suite(
        tmp_path_factory.mktemp("suite"),
        PENSTOCK_ENVOY_LIMITS_LISTEN=envoy_listen,
        PENSTOCK_ENVOY_AUTH_LISTEN=envoy_auth_listen,
        PENSTOCK_FORWARD_AUTH_NETWORKS="127.0.0.0/8",
    ) as running:
        yield running


@pytest.fixture
def upstream() -> Iterator[RecordingUpstream]:
    """A real HTTP upstream that remembers what it was sent."""
    with recording_upstream() as recording:
        yield recording
