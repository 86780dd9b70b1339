"""What is known of a key, and what follows from it at a given time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from authsvc.key_records import KeyRecord, end_of_grace, record_of, successor
from authsvc.peppers import Digest
from domain.key_lives import KeyState
from domain.tenants import DEFAULT_TENANT

NOW = datetime(2030, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
KEY = KeyRecord(
    DEFAULT_TENANT,
    "Tenant01",
    "KeyKey01",
    "robot",
    "consumer-id",
    "acme",
    live=False,
    scopes=("a",),
    tier="gold",
    digest=Digest(b"", 1),
    stored_state=KeyState.ACTIVE,
    created_at=NOW - HOUR,
    labels=(("team", "till"),),
)


def test_a_key_ends_at_its_end() -> None:
    ending = replace(KEY, expires_at=NOW)
    assert (ending.state(NOW - SECOND), ending.state(NOW)) == (KeyState.ACTIVE, KeyState.EXPIRED)


@pytest.mark.parametrize(
    ("expires_at", "grace", "end"),
    [
        (None, timedelta(0), NOW),
        (None, HOUR, NOW + HOUR),
        (NOW + SECOND, HOUR, NOW + SECOND),
        (NOW + 2 * HOUR, HOUR, NOW + HOUR),
    ],
)
def test_a_rotated_key_ends_after_its_grace_or_its_own_end(
    expires_at: datetime | None, grace: timedelta, end: datetime
) -> None:
    assert end_of_grace(replace(KEY, expires_at=expires_at), NOW, grace) == end


def test_the_successor_of_a_key_is_the_same_in_everything() -> None:
    wish = successor(replace(KEY, expires_at=NOW))
    assert (wish.name, wish.consumer, wish.live, wish.scopes, wish.tier, wish.expires_at, wish.labels) == (
        "robot",
        "acme",
        False,
        ("a",),
        "gold",
        NOW,
        (("team", "till"),),
    )


ROW: dict[str, Any] = {
    "key_id": "KeyKey01",
    "name": "robot",
    "consumer_id": UUID(int=7),
    "consumer": "acme",
    "live": True,
    "scopes": ["b", "a"],
    "tier": "",
    "digest": b"d" * 32,
    "pepper_id": 2,
    "state": "revoked",
    "created_at": NOW - HOUR,
    "expires_at": NOW + HOUR,
    "revoked_at": NOW,
    "revoke_revision": 9,
    "disabled_at": NOW - SECOND,
    "disable_revision": 8,
    "labels": '{"team": "till", "env": "prod"}',
    "last_used_at": NOW,
    "imported": True,
}


def test_a_row_is_read_whole() -> None:
    assert record_of(DEFAULT_TENANT, "Tenant01", ROW) == KeyRecord(
        DEFAULT_TENANT,
        "Tenant01",
        "KeyKey01",
        "robot",
        str(UUID(int=7)),
        "acme",
        live=True,
        scopes=("b", "a"),
        tier="",
        digest=Digest(b"d" * 32, 2),
        stored_state=KeyState.REVOKED,
        created_at=NOW - HOUR,
        expires_at=NOW + HOUR,
        revoked_at=NOW,
        revoke_revision=9,
        disabled_at=NOW - SECOND,
        disable_revision=8,
        labels=(("env", "prod"), ("team", "till")),
        last_used_at=NOW,
        imported=True,
    )


@pytest.mark.parametrize("state", ["ended", "EXPIRED", ""])
def test_a_state_that_nobody_knows_is_no_record(state: str) -> None:
    with pytest.raises(ValueError, match="is not a valid KeyState"):
        record_of(DEFAULT_TENANT, "Tenant01", {**ROW, "state": state})
