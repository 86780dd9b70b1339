"""Admin tokens: a role is of a tenant or of the cluster, and the token with it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from penstock.auth.v1 import admin_token_service_pb2 as pb
from pydantic import ValidationError

from edge.admin.access import Role
from edge.admin.models.tokens import Token, TokenGiven
from tests.edge.admin.fakes import ACME

NUMBERS = pytest.mark.parametrize(
    ("role", "number"),
    [
        pytest.param(Role.OPERATOR, pb.ADMIN_ROLE_OPERATOR, id="operator"),
        pytest.param(Role.TENANT_ADMIN, pb.ADMIN_ROLE_TENANT_ADMIN, id="tenant_admin"),
        pytest.param(Role.TENANT_VIEWER, pb.ADMIN_ROLE_TENANT_VIEWER, id="tenant_viewer"),
    ],
)


@NUMBERS
def test_a_token_is_asked_for_in_its_role_and_shown_in_it(role: Role, number: pb.AdminRole.ValueType) -> None:
    tenant = {} if role is Role.OPERATOR else {"tenant_id": "acme"}
    asked = TokenGiven.model_validate({"name": "ci", "role": role.value, **tenant}).message("")
    assert asked == pb.CreateAdminTokenRequest(name="ci", role=number)
    assert Token.of(pb.AdminToken(role=number)).role is role


def test_a_token_is_made_for_the_tenant_that_was_found_not_for_the_one_that_was_named() -> None:
    given = TokenGiven.model_validate(
        {"name": "ci", "role": "tenant_admin", "tenant_id": "acme", "expires_at": "1970-01-01T00:00:01Z"}
    )
    assert given.message(ACME) == pb.CreateAdminTokenRequest(
        name="ci", role=pb.ADMIN_ROLE_TENANT_ADMIN, tenant_id=ACME, expire_time=Timestamp(seconds=1)
    )


CONFINED = "tenant_id is needed by tenant roles, and by them only"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        pytest.param({"role": "operator", "tenant_id": "acme"}, CONFINED, id="an operator of one tenant"),
        pytest.param({"role": "operator", "tenant_id": ""}, CONFINED, id="an operator of a tenant without name"),
        pytest.param({"role": "tenant_admin"}, CONFINED, id="an admin of no tenant"),
        pytest.param({"role": "tenant_viewer", "tenant_id": None}, CONFINED, id="a viewer of no tenant"),
        pytest.param({"role": "OPERATOR"}, "Input should be 'operator'", id="a role in capitals"),
        pytest.param({"role": 1}, "Input should be 'operator'", id="a role by its number"),
        pytest.param({}, "Field required", id="no role"),
        pytest.param({"role": "operator", "secret": "psa_mine"}, "not permitted", id="a secret of one's own"),
    ],
)
def test_a_token_that_nobody_should_have_is_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        TokenGiven.model_validate({"name": "ci", **given})


def test_a_whole_token() -> None:
    token = pb.AdminToken(
        id="t-1",
        name="ci",
        role=pb.ADMIN_ROLE_TENANT_VIEWER,
        tenant_id=ACME,
        create_time=Timestamp(seconds=1),
        expire_time=Timestamp(seconds=2),
    )
    assert Token.of(token) == Token(
        id="t-1",
        name="ci",
        role=Role.TENANT_VIEWER,
        tenant_id=ACME,
        created_at=datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
        expires_at=datetime(1970, 1, 1, 0, 0, 2, tzinfo=UTC),
    )


def test_an_operators_token_is_of_no_tenant_and_one_without_end_has_none() -> None:
    shown = Token.of(pb.AdminToken(role=pb.ADMIN_ROLE_OPERATOR)).model_dump()
    assert [name for name, value in shown.items() if value is None] == ["tenant_id", "created_at", "expires_at"]
