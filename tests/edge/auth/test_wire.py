"""Between messages and values."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from penstock.auth.v1 import auth_service_pb2 as pb
from penstock.auth.v1 import principal_pb2
from penstock.errors.v1 import error_reason_pb2 as reasons

from domain.tenants import DEFAULT_TENANT
from edge.auth import wire
from edge.principal import Credential, CredentialKind, Principal, PrincipalKind, Rejection, TenantAccess


def test_a_principal_arrives_whole() -> None:
    message = principal_pb2.Principal(
        kind=principal_pb2.PRINCIPAL_KIND_USER,
        id="id",
        tenant_id=DEFAULT_TENANT,
        name="name",
        email="a@example.com",
        role="admin",
        scopes=["a", "b"],
        tier="gold",
        credential_id="key",
        session_id="session",
        issue_time=Timestamp(seconds=10),
        expire_time=Timestamp(seconds=20, nanos=500_000_000),
        demo=True,
        tenant_access=[principal_pb2.TenantAccess(tenant_id=DEFAULT_TENANT, role="viewer", tier="basic")],
    )
    assert wire.outcome(pb.AuthenticateResponse(principal=message)) == Principal(
        PrincipalKind.USER,
        "id",
        DEFAULT_TENANT,
        "name",
        "a@example.com",
        "admin",
        frozenset({"a", "b"}),
        "gold",
        "key",
        "session",
        10.0,
        20.5,
        True,
        (TenantAccess(DEFAULT_TENANT, "viewer", "basic"),),
    )


def test_what_does_not_end_by_itself_never_expires() -> None:
    message = principal_pb2.Principal(kind=principal_pb2.PRINCIPAL_KIND_CONSUMER, tenant_id=DEFAULT_TENANT)
    found = wire.outcome(pb.AuthenticateResponse(principal=message))
    assert isinstance(found, Principal)
    assert found.expires_at == float("inf")


def test_a_rejection_keeps_its_reason() -> None:
    message = principal_pb2.Rejection(reason=reasons.ERROR_REASON_KEY_INVALID)
    assert wire.outcome(pb.AuthenticateResponse(rejection=message)) == Rejection(reasons.ERROR_REASON_KEY_INVALID)


@pytest.mark.parametrize(
    "message",
    [
        pb.AuthenticateResponse(),
        pb.AuthenticateResponse(principal=principal_pb2.Principal()),
        pb.AuthenticateResponse(principal=principal_pb2.Principal(kind=99)),  # type: ignore[arg-type]
        pb.AuthenticateResponse(rejection=principal_pb2.Rejection()),
    ],
)
def test_an_answer_of_another_release_says_nothing(message: pb.AuthenticateResponse) -> None:
    assert wire.outcome(message) is None


def test_a_credential_is_sent_as_presented() -> None:
    request = wire.request(Credential(CredentialKind.TOKEN, b"\xff.b.c", DEFAULT_TENANT))
    assert request.credential.kind == principal_pb2.CREDENTIAL_KIND_TOKEN
    assert (request.credential.value, request.credential.config_tenant_id) == (b"\xff.b.c", DEFAULT_TENANT)
