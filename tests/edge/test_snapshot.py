"""The config of a worker as one value: before the first config there is no tenant at all."""

from dataclasses import FrozenInstanceError, replace

import pytest

from domain.tenants import DEFAULT_TENANT, TenantId
from edge.routing import Router
from edge.snapshot import GatewaySnapshot, Rules, TenantStatus, TenantView

ACME = TenantId("01900000-0000-7000-8000-00000000acae")
DEFAULT = TenantView(DEFAULT_TENANT, "00000000", "default", TenantStatus.ACTIVE, Rules(DEFAULT_TENANT, 1, Router(())))


def test_default_is_found_by_its_id_alone() -> None:
    other = replace(DEFAULT, id=ACME)
    assert GatewaySnapshot(1, {ACME: other, DEFAULT_TENANT: DEFAULT}).default is DEFAULT
    assert GatewaySnapshot(1, {ACME: other}).default is None


def test_a_worker_without_config_has_no_tenant() -> None:
    empty = GatewaySnapshot()
    assert (empty.revision, empty.default) == (0, None)
    assert (empty.tenants, empty.by_host, empty.by_short_id) == ({}, {}, {})


def test_a_snapshot_that_a_request_holds_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        GatewaySnapshot().revision = 1  # type: ignore[misc]
