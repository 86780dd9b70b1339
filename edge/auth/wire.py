"""Between the messages of penstock.auth.v1 and the edge's values. Pure."""

import sys
from math import inf

from google.protobuf.timestamp_pb2 import Timestamp
from penstock.auth.v1 import auth_service_pb2 as pb
from penstock.auth.v1 import invalidation_pb2, principal_pb2

from domain.tenants import TenantId
from edge.auth.fences import Event
from edge.instance import Instance
from edge.principal import Credential, Principal, PrincipalKind, Rejection, TenantAccess

_KINDS = {
    principal_pb2.PRINCIPAL_KIND_CONSUMER: PrincipalKind.CONSUMER,
    principal_pb2.PRINCIPAL_KIND_USER: PrincipalKind.USER,
    principal_pb2.PRINCIPAL_KIND_SERVICE: PrincipalKind.SERVICE,
}


def request(credential: Credential) -> pb.AuthenticateRequest:
    """The request that asks about a credential."""
    message = principal_pb2.Credential(
        kind=principal_pb2.CredentialKind.ValueType(credential.kind),
        value=credential.value,
        config_tenant_id=credential.config_tenant,
    )
    return pb.AuthenticateRequest(credential=message)


def outcome(response: pb.AuthenticateResponse) -> Principal | Rejection | None:
    """Whom the credential proves or why nobody; None for an answer that this release cannot read."""
    if response.HasField("rejection"):
        return Rejection(response.rejection.reason) if response.rejection.reason else None
    if response.HasField("principal") and response.principal.kind in _KINDS:
        return _principal(response.principal)
    return None


def event(message: invalidation_pb2.Invalidation) -> Event:
    """One invalidation."""
    return Event(message.revision, message.scope, message.subject)


def instance(worker: Instance) -> invalidation_pb2.Instance:
    """This worker, as streams name it."""
    return invalidation_pb2.Instance(gateway_id=worker.gateway_id, slot=worker.slot, boot_id=str(worker.boot_id))


def use(key_id: str, at: float) -> pb.KeyUse:
    """When a key was last let in, in seconds since 1970."""
    return pb.KeyUse(key_id=key_id, last_use_time=Timestamp(seconds=int(at), nanos=int(at % 1 * 1e9)))


def _principal(message: principal_pb2.Principal) -> Principal:
    return Principal(
        kind=_KINDS[message.kind],
        id=message.id,
        tenant_id=_tenant(message.tenant_id),
        name=message.name,
        email=message.email,
        role=message.role,
        scopes=frozenset(message.scopes),
        tier=message.tier,
        credential_id=message.credential_id,
        session_id=message.session_id,
        issued_at=_seconds(message.issue_time) if message.HasField("issue_time") else 0.0,
        expires_at=_seconds(message.expire_time) if message.HasField("expire_time") else inf,
        demo=message.demo,
        tenant_access=tuple(
            TenantAccess(_tenant(each.tenant_id), each.role, each.tier) for each in message.tenant_access
        ),
    )


def _tenant(value: str) -> TenantId:
    """One string object per tenant, however many principals are cached."""
    return TenantId(sys.intern(value))


def _seconds(time: Timestamp) -> float:
    return time.seconds + time.nanos / 1e9
