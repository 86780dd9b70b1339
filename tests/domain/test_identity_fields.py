"""What upstreams are told of a caller, and under which names nobody else may."""

from dataclasses import replace

import pytest

from domain.identity_fields import IDENTITY, Caller, fold, identity_fields
from domain.tenant_states import Subscription
from domain.tenants import TenantId
from tests.domain.test_access import ACME

TENANT = replace(ACME, parent_id=TenantId("parent"), subscription=Subscription("gold", "trialing"))
OF_TENANT = {
    "X-Tenant-ID": "acme",
    "X-Parent-Tenant-ID": "parent",
    "X-Subscription-Tier": "gold",
    "X-Subscription-Status": "trialing",
    "X-Is-Demo": "false",
    "X-Forwarded-By": "penstock",
}


@pytest.mark.parametrize(
    ("caller", "told"),
    [
        pytest.param(None, {}, id="nobody"),
        pytest.param(
            Caller("consumer", "c-1", "robot"), {"X-User-ID": "c-1", "X-User-Type": "consumer"}, id="a consumer"
        ),
        pytest.param(
            Caller("user", "u-1", "Ann", "ann@acme.test", "admin"),
            {"X-User-ID": "u-1", "X-User-Email": "ann@acme.test", "X-User-Role": "admin", "X-User-Type": "user"},
            id="a user",
        ),
        pytest.param(
            Caller("service", "s-1", "billing"),
            {
                "X-User-ID": "billing-service",
                "X-User-Email": "billing-service@internal",
                "X-User-Type": "service",
                "X-Service-Name": "billing",
            },
            id="a service",
        ),
    ],
)
def test_what_upstreams_are_told(caller: Caller | None, told: dict[str, str]) -> None:
    fields = identity_fields(TENANT, caller)
    assert dict(fields) == OF_TENANT | told
    assert {name.lower().encode() for name, _ in fields} <= IDENTITY


def test_no_value_ends_a_line() -> None:
    assert (
        dict(identity_fields(TENANT, Caller("user", "a\r\nX-User-Role: admin\x7f")))["X-User-ID"]
        == "aX-User-Role: admin"
    )


@pytest.mark.parametrize("spelled", [b"X-User-ID", b"x_user_id", b"X.User~ID", b"x!user|id"])
def test_spellings_are_one_name(spelled: bytes) -> None:
    assert fold(spelled) == b"x-user-id"
