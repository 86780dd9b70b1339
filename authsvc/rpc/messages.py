"""Messages that several services answer with. Pure."""

from datetime import datetime
from typing import Final, TypedDict

from google.protobuf.timestamp_pb2 import Timestamp
from penstock.auth.v1 import api_key_pb2, auth_service_pb2, invalidation_pb2, principal_pb2
from penstock.errors.v1 import error_reason_pb2

from authsvc.invalidations.force import Force
from authsvc.invalidations.leases import Worker
from authsvc.invalidations.log import Event
from authsvc.key_records import KeyRecord
from authsvc.lookup import Found, Refused
from domain.api_keys import display
from domain.key_lives import KeyState

_STATES: Final = {
    KeyState.ACTIVE: api_key_pb2.API_KEY_STATE_ACTIVE,
    KeyState.DISABLED: api_key_pb2.API_KEY_STATE_DISABLED,
    KeyState.REVOKED: api_key_pb2.API_KEY_STATE_REVOKED,
    KeyState.EXPIRED: api_key_pb2.API_KEY_STATE_EXPIRED,
}


def timestamp(time: datetime | None) -> Timestamp | None:
    """The time as a message; None stays absent."""
    if time is None:
        return None
    message = Timestamp()
    message.FromDatetime(time)
    return message


def api_key(record: KeyRecord, now: datetime) -> api_key_pb2.ApiKey:
    """The key as people and programs see it; never its digest."""
    return api_key_pb2.ApiKey(
        id=record.key_id,
        tenant_id=record.tenant_id,
        name=record.name,
        consumer=record.consumer,
        consumer_id=record.consumer_id,
        scopes=record.scopes,
        tier=record.tier,
        state=_STATES[record.state(now)],
        display=_display(record),
        create_time=timestamp(record.created_at),
        expire_time=timestamp(record.expires_at),
        revoke_time=timestamp(record.revoked_at),
        labels=dict(record.labels),
        disable_time=timestamp(record.disabled_at),
        last_use_time=timestamp(record.last_used_at),
        imported=record.imported,
    )


def _display(record: KeyRecord) -> str:
    if record.imported:
        return f"imported {record.key_id}"
    return display(record.live, record.short_id, record.key_id)


class InForce(TypedDict):
    """The members of an answer that say how far a change has come."""

    in_force: bool
    effective_time: Timestamp | None
    acknowledged: list[invalidation_pb2.Instance]
    pending: list[invalidation_pb2.Instance]


def in_force(force: Force) -> InForce:
    """How far a change has come, as members of an answer."""
    return InForce(
        in_force=force.everywhere,
        effective_time=timestamp(force.effective_time),
        acknowledged=[instance(worker) for worker in force.acknowledged],
        pending=[instance(worker) for worker in force.pending],
    )


def authentications(found: Found) -> list[auth_service_pb2.AuthenticateResponse]:
    """One answer per outcome, in order."""
    return [_authentication(outcome, found.revision) for outcome in found.outcomes]


def invalidation(event: Event) -> invalidation_pb2.Invalidation:
    """The event as watchers get it."""
    return invalidation_pb2.Invalidation(
        revision=event.revision,
        scope=invalidation_pb2.InvalidationScope.ValueType(event.scope),
        subject=event.subject,
        tenant_id=event.tenant_id or "",
        commit_time=timestamp(event.commit_time),
    )


def instance(worker: Worker) -> invalidation_pb2.Instance:
    """The worker as it names itself."""
    return invalidation_pb2.Instance(gateway_id=worker.gateway_id, slot=worker.slot, boot_id=str(worker.boot_id))


def _authentication(outcome: KeyRecord | Refused, revision: int) -> auth_service_pb2.AuthenticateResponse:
    if isinstance(outcome, Refused):
        rejection = principal_pb2.Rejection(reason=error_reason_pb2.ErrorReason.ValueType(outcome.reason))
        return auth_service_pb2.AuthenticateResponse(rejection=rejection, revision=revision)
    return auth_service_pb2.AuthenticateResponse(principal=_consumer(outcome), revision=revision)


def _consumer(record: KeyRecord) -> principal_pb2.Principal:
    return principal_pb2.Principal(
        kind=principal_pb2.PRINCIPAL_KIND_CONSUMER,
        id=record.consumer_id,
        tenant_id=record.tenant_id,
        name=record.consumer,
        scopes=record.scopes,
        tier=record.tier,
        credential_id=record.key_id,
        expire_time=timestamp(record.expires_at),
    )
