"""A tenant's record becomes its view, or the reasons why nobody can serve it."""

from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from penstock.config.v1 import tenant_pb2 as pb

from edge.config.reasons import Refused
from edge.config.tenant_view import NO_RULES, tenant_view
from edge.routing import Router
from edge.snapshot import ReadOnly, Rules, Subscription, TenantStatus, TenantView

from .documents import ACME, BETA

RULES = Rules(ACME, 3, Router(()))
HALF_PAST = Timestamp(seconds=1_700_000_000, nanos=500_000_000)


def record(**fields: Any) -> pb.Tenant:
    return pb.Tenant(**{"short_id": "abcdefgh", "slug": "acme", "status": pb.TENANT_STATUS_ACTIVE, **fields})


def seen(**fields: Any) -> TenantView:
    view = tenant_view(ACME, record(**fields), RULES)
    assert isinstance(view, TenantView), view
    return view


def reasons(**fields: Any) -> list[tuple[str, str]]:
    refused = tenant_view(ACME, record(**fields), RULES)
    assert isinstance(refused, Refused)
    return [(reason.path, reason.message) for reason in refused.reasons]


def test_a_plain_record_is_a_plain_tenant() -> None:
    assert seen() == TenantView(ACME, "abcdefgh", "acme", TenantStatus.ACTIVE, RULES)


def test_everything_a_record_can_say_arrives() -> None:
    assert seen(
        parent_id=BETA,
        hosts=["a.test", "b.test"],
        kind=pb.TENANT_KIND_DEMO,
        subscription=pb.Subscription(tier="gold", status="past_due", valid_until=HALF_PAST),
        read_only=pb.ReadOnly(on=True, reason="moving", until=HALF_PAST),
        targets_allow=True,
        state_version=9,
    ) == TenantView(
        ACME,
        "abcdefgh",
        "acme",
        TenantStatus.ACTIVE,
        RULES,
        demo=True,
        parent_id=BETA,
        hosts=("a.test", "b.test"),
        subscription=Subscription("gold", "past_due", 1_700_000_000.5),
        read_only=ReadOnly(True, "moving", 1_700_000_000.5),
        targets_allow=True,
        state_version=9,
    )


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param(pb.TENANT_STATUS_PROVISIONING, TenantStatus.PROVISIONING, id="provisioning"),
        pytest.param(pb.TENANT_STATUS_ACTIVE, TenantStatus.ACTIVE, id="active"),
        pytest.param(pb.TENANT_STATUS_SUSPENDED, TenantStatus.SUSPENDED, id="suspended"),
        pytest.param(pb.TENANT_STATUS_DELETING, TenantStatus.DELETING, id="deleting"),
    ],
)
def test_each_status_is_known(status: int, expected: TenantStatus) -> None:
    assert seen(status=status).status is expected


def test_no_status_of_the_contract_is_forgotten() -> None:
    known = [
        status
        for status in pb.TenantStatus.values()
        if isinstance(tenant_view(ACME, record(status=status), RULES), TenantView)
    ]
    assert set(pb.TenantStatus.values()) - set(known) == {pb.TENANT_STATUS_UNSPECIFIED}


@pytest.mark.parametrize("kind", [kind for kind in pb.TenantKind.values() if kind != pb.TENANT_KIND_DEMO])
def test_only_a_demo_is_one(kind: int) -> None:
    assert not seen(kind=kind).demo


def test_a_subscription_without_a_status_is_active_and_without_an_end_has_none() -> None:
    assert seen(subscription=pb.Subscription(tier="gold")).subscription == Subscription("gold", "active", None)


def test_a_time_at_the_epoch_is_an_end_and_not_its_absence() -> None:
    view = seen(subscription=pb.Subscription(valid_until=Timestamp()), read_only=pb.ReadOnly(until=Timestamp()))
    assert (view.subscription.valid_until, view.read_only.until) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param(
            {"status": pb.TENANT_STATUS_UNSPECIFIED}, ("tenant.status", "is not known to this gateway"), id="no status"
        ),
        pytest.param({"status": 99}, ("tenant.status", "is not known to this gateway"), id="a newer status"),
        pytest.param({"parent_id": "acme"}, ("tenant.parent_id", "is not a tenant id"), id="a parent by name"),
        pytest.param(
            {"parent_id": BETA.upper()}, ("tenant.parent_id", "is not a tenant id"), id="a parent in upper case"
        ),
        pytest.param({"short_id": ""}, ("tenant.short_id", "is not a short id"), id="no short id"),
        pytest.param({"short_id": "abcdefg"}, ("tenant.short_id", "is not a short id"), id="a shorter id"),
        pytest.param({"short_id": "abcdefgh\n"}, ("tenant.short_id", "is not a short id"), id="an id and a newline"),
        pytest.param({"short_id": "abcd-fgh"}, ("tenant.short_id", "is not a short id"), id="other characters"),
    ],
)
def test_a_record_that_cannot_be_understood_is_refused(fields: dict[str, Any], expected: tuple[str, str]) -> None:
    assert reasons(**fields) == [expected]


def test_all_reasons_are_given_at_once() -> None:
    found = reasons(status=99, parent_id="x", short_id="x")
    assert [path for path, _ in found] == ["tenant.status", "tenant.parent_id", "tenant.short_id"]


def test_a_tenant_with_nothing_to_inherit_has_no_route() -> None:
    assert NO_RULES.router.match("a.test", "GET", "/", dict) is None
