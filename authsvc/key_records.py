"""What is known of one API key, and what follows from it at a given time. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import orjson

from authsvc.peppers import Digest
from domain.key_lives import KeyState, state_at
from domain.tenants import TenantId

Labels: TypeAlias = tuple[tuple[str, str], ...]
"""Names with their values, sorted by name."""


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """One key with its consumer. The revisions number the invalidations that revoked and disabled it."""

    tenant_id: TenantId
    short_id: str
    key_id: str
    name: str
    consumer_id: str
    consumer: str
    live: bool
    scopes: tuple[str, ...]
    tier: str
    digest: Digest
    stored_state: KeyState
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    revoke_revision: int | None = None
    disabled_at: datetime | None = None
    disable_revision: int | None = None
    labels: Labels = ()
    last_used_at: datetime | None = None
    imported: bool = False

    def state(self, now: datetime) -> KeyState:
        """The key's state at `now`."""
        return state_at(self.stored_state, self.expires_at, now)


@dataclass(frozen=True, slots=True)
class KeyWish:
    """What a new key shall be."""

    name: str
    consumer: str
    live: bool = True
    scopes: tuple[str, ...] = ()
    tier: str = ""
    expires_at: datetime | None = None
    labels: Labels = ()


def successor(old: KeyRecord) -> KeyWish:
    """The key that replaces `old` on rotation: the same in everything, its expiry included."""
    return KeyWish(old.name, old.consumer, old.live, old.scopes, old.tier, old.expires_at, old.labels)


def end_of_grace(old: KeyRecord, now: datetime, grace: timedelta) -> datetime:
    """When a rotated key ends: after the grace period, never later than it would have ended by itself."""
    end = now + grace
    return end if old.expires_at is None else min(end, old.expires_at)


def record_of(tenant: TenantId, short_id: str, row: Mapping[str, Any]) -> KeyRecord:
    """The record in a row of `key_store`."""
    return KeyRecord(
        tenant_id=tenant,
        short_id=short_id,
        key_id=row["key_id"],
        name=row["name"],
        consumer_id=str(row["consumer_id"]),
        consumer=row["consumer"],
        live=row["live"],
        scopes=tuple(row["scopes"]),
        tier=row["tier"],
        digest=Digest(row["digest"], row["pepper_id"]),
        stored_state=KeyState(row["state"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        revoke_revision=row["revoke_revision"],
        disabled_at=row["disabled_at"],
        disable_revision=row["disable_revision"],
        labels=labels_of(orjson.loads(row["labels"])),
        last_used_at=row["last_used_at"],
        imported=row["imported"],
    )


def labels_of(labels: Mapping[str, str]) -> Labels:
    """The labels in their order."""
    return tuple(sorted(labels.items()))
