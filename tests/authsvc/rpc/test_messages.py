"""What services answer with: every field of a record in its place, what is absent absent."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from penstock.auth.v1 import api_key_pb2, auth_service_pb2, invalidation_pb2, principal_pb2
from penstock.errors.v1 import error_reason_pb2 as reasons

from authsvc.invalidations.leases import Worker
from authsvc.invalidations.log import Event, Scope
from authsvc.key_records import KeyRecord
from authsvc.lookup import Found, Refused
from authsvc.peppers import Digest
from authsvc.rpc import messages
from domain.key_lives import KeyState
from domain.tenants import DEFAULT_TENANT

NOW = datetime(2030, 1, 1, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
HOUR = timedelta(hours=1)
KEY = KeyRecord(
    DEFAULT_TENANT,
    "Tenant01",
    "KeyKey01",
    "robot",
    "consumer-id",
    "acme",
    live=False,
    scopes=("a", "b"),
    tier="gold",
    digest=Digest(b"d" * 32, 1),
    stored_state=KeyState.ACTIVE,
    created_at=NOW - HOUR,
    labels=(("team", "till"),),
)


def test_a_key_is_shown_without_its_digest() -> None:
    shown = messages.api_key(replace(KEY, expires_at=NOW + HOUR, disabled_at=NOW, last_used_at=NOW), NOW)

    assert shown == api_key_pb2.ApiKey(
        id="KeyKey01",
        tenant_id=DEFAULT_TENANT,
        name="robot",
        consumer="acme",
        consumer_id="consumer-id",
        scopes=["a", "b"],
        tier="gold",
        state=api_key_pb2.API_KEY_STATE_ACTIVE,
        display=shown.display,
        create_time=Timestamp(seconds=SECONDS - 3600),
        expire_time=Timestamp(seconds=SECONDS + 3600),
        labels={"team": "till"},
        disable_time=Timestamp(seconds=SECONDS),
        last_use_time=Timestamp(seconds=SECONDS),
    )
    assert shown.display.startswith("psk_test_Tenant01KeyKey01")
    assert b"dddd" not in shown.SerializeToString()


def test_an_imported_key_is_not_shown_in_a_form_that_it_has_not() -> None:
    shown = messages.api_key(replace(KEY, imported=True), NOW)
    assert (shown.imported, shown.display) == (True, "imported KeyKey01")


@pytest.mark.parametrize(
    ("record", "state"),
    [
        (KEY, api_key_pb2.API_KEY_STATE_ACTIVE),
        (replace(KEY, expires_at=NOW), api_key_pb2.API_KEY_STATE_EXPIRED),
        (replace(KEY, stored_state=KeyState.DISABLED), api_key_pb2.API_KEY_STATE_DISABLED),
        (replace(KEY, stored_state=KeyState.REVOKED, expires_at=NOW), api_key_pb2.API_KEY_STATE_REVOKED),
    ],
    ids=["active", "expired", "disabled", "revoked"],
)
def test_a_key_is_shown_in_its_state_at_the_time(record: KeyRecord, state: int) -> None:
    assert messages.api_key(record, NOW).state == state


def test_every_state_of_a_key_can_be_shown() -> None:
    shown = {messages.api_key(replace(KEY, stored_state=state), NOW).state for state in KeyState}

    assert len(shown) == len(KeyState)
    assert api_key_pb2.API_KEY_STATE_UNSPECIFIED not in shown


@pytest.mark.parametrize("field", ["expire_time", "revoke_time"])
def test_what_a_key_does_not_have_is_absent(field: str) -> None:
    assert not messages.api_key(KEY, NOW).HasField(field)  # type: ignore[arg-type]


def test_a_time_keeps_its_microseconds() -> None:
    assert messages.timestamp(NOW + timedelta(microseconds=7)) == Timestamp(seconds=SECONDS, nanos=7000)
    assert messages.timestamp(None) is None


def test_outcomes_of_a_batch_are_answered_in_order_with_what_they_have_seen() -> None:
    refused = Refused(reasons.ERROR_REASON_KEY_INVALID)
    rejected = auth_service_pb2.AuthenticateResponse(
        rejection=principal_pb2.Rejection(reason=reasons.ERROR_REASON_KEY_INVALID), revision=9
    )
    proven = auth_service_pb2.AuthenticateResponse(
        principal=principal_pb2.Principal(
            kind=principal_pb2.PRINCIPAL_KIND_CONSUMER,
            id="consumer-id",
            tenant_id=DEFAULT_TENANT,
            name="acme",
            scopes=["a", "b"],
            tier="gold",
            credential_id="KeyKey01",
            expire_time=Timestamp(seconds=SECONDS),
        ),
        revision=9,
    )

    answered = messages.authentications(Found(9, (refused, replace(KEY, expires_at=NOW), refused)))

    assert answered == [rejected, proven, rejected]
    assert messages.authentications(Found(9, ())) == []


@pytest.mark.parametrize(("tenant", "told"), [(DEFAULT_TENANT, DEFAULT_TENANT), (None, "")], ids=["a tenant's", "all"])
def test_an_event_is_told_as_it_was_committed(tenant: str | None, told: str) -> None:
    event = Event(3, Scope.SIGNING_KEY, "kid", DEFAULT_TENANT if tenant else None, NOW)

    assert messages.invalidation(event) == invalidation_pb2.Invalidation(
        revision=3,
        scope=invalidation_pb2.INVALIDATION_SCOPE_SIGNING_KEY,
        subject="kid",
        tenant_id=told,
        commit_time=Timestamp(seconds=SECONDS),
    )


def test_every_scope_has_the_number_of_its_name() -> None:
    numbers = dict(invalidation_pb2.InvalidationScope.items())

    assert {f"INVALIDATION_SCOPE_{scope.name}": int(scope) for scope in Scope} == {
        name: number for name, number in numbers.items() if number
    }


def test_a_worker_is_named_as_it_names_itself() -> None:
    assert messages.instance(Worker("gw", 3, UUID(int=5))) == invalidation_pb2.Instance(
        gateway_id="gw", slot=3, boot_id=str(UUID(int=5))
    )
