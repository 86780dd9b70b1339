"""The tenants, by what requests name them."""

import pytest
from penstock.config.v1 import tenant_pb2

from authsvc.authorization.tenants import Tenants
from domain.tenant_states import ReadOnly, Subscription, SubscriptionRules, TenantStatus
from domain.tenants import DEFAULT_TENANT, TenantId

from .places import ACME, BOLT, known, snapshot


@pytest.mark.parametrize("name", [ACME, "acme"])
def test_a_tenant_is_found_by_each_of_its_names(name: str) -> None:
    tenants = known()
    acme = tenants.named(name)
    assert acme is not None
    assert acme is tenants.by_short_id["acmeacme"] is tenants.by_host["api.acme.com"]


def test_a_newer_state_replaces_all_of_the_older_one() -> None:
    tenants = known(snapshot("apex", ACME, "acmeacme", hosts=("api.apex.com",)))
    assert tenants.named("acme") is None
    assert "api.acme.com" not in tenants.by_host
    assert tenants.by_host["api.apex.com"].slug == "apex"


def test_a_host_that_has_moved_stays_with_its_new_tenant() -> None:
    tenants = known(snapshot("bolt", BOLT, "boltbolt", hosts=("api.acme.com",)))
    tenants.put(snapshot("acme", ACME, "acmeacme"))
    assert tenants.by_host["api.acme.com"].slug == "bolt"


def test_a_tenant_that_ended_is_forgotten() -> None:
    tenants = known()
    tenants.drop(ACME)
    tenants.drop(ACME)
    assert tenants.named("acme") is tenants.named(ACME) is None
    assert (dict(tenants.by_host), "acmeacme" in tenants.by_short_id) == ({}, False)


def test_what_is_known_of_a_tenant() -> None:
    acme = known(
        snapshot(
            "acme", ACME, "acmeacme", tier="high", valid_until=7, read_only=True, parent=BOLT, demo=True, tiers=("x",)
        )
    ).by_id[TenantId(ACME)]
    assert (acme.subscription, acme.read_only) == (Subscription("high", "active", 7.0), ReadOnly(True, "moving"))
    assert (acme.parent_id, acme.demo, acme.rules) == (BOLT, True, SubscriptionRules(100.0, ("x",)))


@pytest.mark.parametrize(
    ("status", "serves"),
    [
        (tenant_pb2.TENANT_STATUS_ACTIVE, True),
        (tenant_pb2.TENANT_STATUS_SUSPENDED, False),
        (tenant_pb2.TENANT_STATUS_PROVISIONING, False),
        (tenant_pb2.TENANT_STATUS_DELETING, False),
        (tenant_pb2.TENANT_STATUS_UNSPECIFIED, False),
    ],
)
def test_only_an_active_tenant_serves(status: tenant_pb2.TenantStatus.ValueType, serves: bool) -> None:
    acme = known(snapshot("acme", ACME, "acmeacme", status=status)).by_slug["acme"]
    assert (acme.status is TenantStatus.ACTIVE) is serves


def test_rules_are_the_tenants_own_or_inherited() -> None:
    tenants = known(snapshot("bolt", BOLT, "boltbolt", tiers=()))
    assert tenants.rules_of(tenants.by_slug["acme"]) == SubscriptionRules(100.0, ("low", "high"))
    assert tenants.rules_of(tenants.by_slug["bolt"]) == SubscriptionRules(100.0, ())
    tenants.drop(DEFAULT_TENANT)
    assert tenants.rules_of(tenants.by_slug["acme"]) == SubscriptionRules()


def test_nothing_is_known_at_first() -> None:
    assert Tenants().default is None
