"""Tenants: what may be registered and changed, and how a record is shown."""

from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from penstock.config.v1 import tenant_pb2
from penstock.config.v1 import tenant_service_pb2 as pb
from pydantic import BaseModel, ValidationError

from edge.admin.models.tenants import ReadOnly, Subscription, Tenant, TenantGiven, TenantPatch
from tests.edge.admin.fakes import ACME, GLOBEX

SECOND = Timestamp(seconds=1)
HOSTS = [f"h{number}.test" for number in range(100)]


def at(second: int) -> datetime:
    return datetime(1970, 1, 1, 0, 0, second, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param(
            {"slug": "acme"}, pb.RegisterTenantRequest(request_id="r-1", slug="acme", name="acme"), id="a slug alone"
        ),
        pytest.param(
            {
                "slug": "acme",
                "name": "Acme",
                "hosts": ["b.test", "a.test"],
                "parent_id": GLOBEX,
                "subscription": {"tier": "pro", "valid_until": "1970-01-01T00:00:01Z"},
            },
            pb.RegisterTenantRequest(
                request_id="r-1",
                slug="acme",
                name="Acme",
                hosts=["b.test", "a.test"],
                parent_id=GLOBEX,
                subscription=tenant_pb2.Subscription(tier="pro", status="active", valid_until=SECOND),
            ),
            id="all of it",
        ),
        pytest.param(
            {"slug": "acme", "subscription": {}},
            pb.RegisterTenantRequest(
                request_id="r-1", slug="acme", name="acme", subscription=tenant_pb2.Subscription(status="active")
            ),
            id="an empty subscription is an active one",
        ),
    ],
)
def test_a_tenant_is_registered_as_it_was_given(given: dict[str, Any], message: pb.RegisterTenantRequest) -> None:
    assert TenantGiven.model_validate(given).message("r-1") == message


@pytest.mark.parametrize(
    ("patch", "tenant"),
    [
        pytest.param({"name": "Acme"}, tenant_pb2.Tenant(name="Acme"), id="a name"),
        pytest.param({"status": "active"}, tenant_pb2.Tenant(status=tenant_pb2.TENANT_STATUS_ACTIVE), id="active"),
        pytest.param(
            {"status": "suspended"}, tenant_pb2.Tenant(status=tenant_pb2.TENANT_STATUS_SUSPENDED), id="suspended"
        ),
        pytest.param({"hosts": []}, tenant_pb2.Tenant(), id="no hosts any more"),
        pytest.param({"parent_id": None}, tenant_pb2.Tenant(), id="no parent any more"),
        pytest.param({"parent_id": GLOBEX}, tenant_pb2.Tenant(parent_id=GLOBEX), id="a parent"),
        pytest.param({"targets_allow": False}, tenant_pb2.Tenant(), id="no targets inside any more"),
        pytest.param({"targets_allow": True}, tenant_pb2.Tenant(targets_allow=True), id="targets inside"),
        pytest.param(
            {"read_only": {"on": True, "reason": "audit", "until": "1970-01-01T00:00:01Z"}},
            tenant_pb2.Tenant(read_only=tenant_pb2.ReadOnly(on=True, reason="audit", until=SECOND)),
            id="read-only",
        ),
        pytest.param(
            {"subscription": {"status": "canceled"}, "name": "Acme"},
            tenant_pb2.Tenant(name="Acme", subscription=tenant_pb2.Subscription(status="canceled")),
            id="two at once",
        ),
    ],
)
def test_a_patch_names_what_it_changes_and_nothing_else(patch: dict[str, Any], tenant: tenant_pb2.Tenant) -> None:
    asked = TenantPatch.model_validate(patch).message(ACME, expected=None)
    tenant.id = ACME
    assert asked == pb.UpdateTenantRequest(tenant=tenant, update_mask=FieldMask(paths=sorted(patch)))


@pytest.mark.parametrize("expected", [0, 7])
def test_a_patch_of_a_known_state_says_so(expected: int) -> None:
    asked = TenantPatch.model_validate({"name": "Acme"}).message(ACME, expected)
    assert asked.HasField("expected_state_version")
    assert asked.expected_state_version == expected


def test_a_member_of_a_patch_has_the_name_of_the_records_field() -> None:
    """Else the mask would name nothing."""
    assert TenantPatch.model_fields.keys() <= {field.name for field in tenant_pb2.Tenant.DESCRIPTOR.fields}


@pytest.mark.parametrize(
    ("model", "given", "at"),
    [
        pytest.param(TenantGiven, {}, ("slug",), id="no slug"),
        pytest.param(TenantGiven, {"slug": "a" * 64}, ("slug",), id="a long slug"),
        pytest.param(TenantGiven, {"slug": "a-"}, ("slug",), id="a slug with a hyphen at its end"),
        pytest.param(TenantGiven, {"slug": "acme\n"}, ("slug",), id="a slug and a line's end"),
        pytest.param(TenantGiven, {"slug": "a", "name": ""}, ("name",), id="an empty name"),
        pytest.param(TenantGiven, {"slug": "a", "hosts": [*HOSTS, "a.test"]}, ("hosts",), id="too many hosts"),
        pytest.param(TenantGiven, {"slug": "a", "hosts": ["a.test:80"]}, ("hosts", 0), id="a host with a port"),
        pytest.param(TenantGiven, {"slug": "a", "hosts": None}, ("hosts",), id="null for hosts"),
        pytest.param(
            TenantGiven, {"slug": "a", "parent_id": GLOBEX.upper()}, ("parent_id",), id="a parent in capitals"
        ),
        pytest.param(TenantGiven, {"slug": "a", "parent_id": "globex"}, ("parent_id",), id="a parent by its slug"),
        pytest.param(
            TenantGiven, {"slug": "a", "subscription": {"status": ""}}, ("subscription", "status"), id="no status"
        ),
        pytest.param(TenantGiven, {"slug": "a", "status": "active"}, ("status",), id="a status on registration"),
        pytest.param(TenantPatch, {"read_only": {}}, ("read_only", "on"), id="read-only or not is not said"),
        pytest.param(
            TenantPatch,
            {"read_only": {"on": True, "reason": "r" * 257}},
            ("read_only", "reason"),
            id="a long reason",
        ),
        pytest.param(TenantPatch, {"slug": "a"}, ("slug",), id="a slug is for ever"),
        pytest.param(TenantPatch, {"kind": "demo"}, ("kind",), id="a kind is for ever"),
        pytest.param(TenantPatch, {"status": "deleting"}, ("status",), id="deletion is no change"),
        pytest.param(TenantPatch, {"targets_allow": 1}, ("targets_allow",), id="a number for a truth"),
    ],
)
def test_what_breaks_a_rule_is_told_by_its_place(
    model: type[BaseModel], given: dict[str, Any], at: tuple[str | int, ...]
) -> None:
    with pytest.raises(ValidationError) as refused:
        model.model_validate(given)
    assert [each["loc"] for each in refused.value.errors()] == [at]


@pytest.mark.parametrize(
    ("patch", "told"),
    [
        pytest.param({}, "names nothing to change", id="nothing"),
        pytest.param({"targets_allow": None}, "null is no value for targets_allow", id="null"),
        pytest.param(
            {"status": None, "hosts": None, "parent_id": None}, "null is no value for hosts, status", id="nulls"
        ),
    ],
)
def test_a_patch_that_says_nothing_is_refused(patch: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as refused:
        TenantPatch.model_validate(patch)
    assert [each["msg"] for each in refused.value.errors()] == [f"Value error, {told}"]


def test_the_most_hosts_of_a_tenant() -> None:
    assert TenantGiven.model_validate({"slug": "a" * 63, "name": "é" * 128, "hosts": HOSTS}).hosts == HOSTS


def test_a_whole_record() -> None:
    tenant = tenant_pb2.Tenant(
        id=ACME,
        short_id="Tenant01",
        slug="acme",
        name="Acme",
        status=tenant_pb2.TENANT_STATUS_SUSPENDED,
        kind=tenant_pb2.TENANT_KIND_DEMO,
        parent_id=GLOBEX,
        hosts=["b.test", "a.test"],
        subscription=tenant_pb2.Subscription(tier="pro", status="past_due", valid_until=Timestamp(seconds=2)),
        read_only=tenant_pb2.ReadOnly(on=True, reason="audit", until=Timestamp(seconds=3)),
        targets_allow=True,
        config_version=3,
        state_version=4,
        create_time=Timestamp(seconds=1),
    )
    assert Tenant.of(tenant) == Tenant(
        id=ACME,
        short_id="Tenant01",
        slug="acme",
        name="Acme",
        status="suspended",
        kind="demo",
        parent_id=GLOBEX,
        hosts=["b.test", "a.test"],
        subscription=Subscription(tier="pro", status="past_due", valid_until=at(2)),
        read_only=ReadOnly(on=True, reason="audit", until=at(3)),
        targets_allow=True,
        config_version=3,
        state_version=4,
        created_at=at(1),
    )


def test_a_record_in_which_little_is_set() -> None:
    shown = Tenant.of(tenant_pb2.Tenant(status=tenant_pb2.TENANT_STATUS_ACTIVE))
    assert (shown.kind, shown.parent_id, shown.created_at) == ("standard", None, None)
    assert shown.subscription == Subscription(tier=None, status="active", valid_until=None)
    assert shown.read_only == ReadOnly(on=False, reason=None, until=None)


def test_every_status_of_a_tenant_has_its_word() -> None:
    numbers = [number for number in tenant_pb2.TenantStatus.values() if number]
    words = [Tenant.of(tenant_pb2.Tenant(status=number)).status for number in numbers]
    assert words == ["provisioning", "active", "suspended", "deleting"]
