"""The life of an API key as one table: what may happen to a key in which state, and where that leads. Pure."""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from types import MappingProxyType
from typing import Final


class KeyState(Enum):
    """Where a key is in its life; the value is what is stored. EXPIRED is never stored: it follows from the clock."""

    ACTIVE = "active"
    DISABLED = "disabled"
    EXPIRED = "expired"
    REVOKED = "revoked"


class KeyChange(Enum):
    """What happens to a key. EXPIRE comes by itself, the rest is asked for; ROTATE is what the old key goes through,
    which then has an end."""

    ROTATE = "rotate"
    DISABLE = "disable"
    ENABLE = "enable"
    EXPIRE = "expire"
    REVOKE = "revoke"


LIFE: Final[Mapping[tuple[KeyState, KeyChange], KeyState]] = MappingProxyType(
    {
        (KeyState.ACTIVE, KeyChange.ROTATE): KeyState.ACTIVE,
        (KeyState.ACTIVE, KeyChange.DISABLE): KeyState.DISABLED,
        (KeyState.ACTIVE, KeyChange.ENABLE): KeyState.ACTIVE,
        (KeyState.ACTIVE, KeyChange.EXPIRE): KeyState.EXPIRED,
        (KeyState.ACTIVE, KeyChange.REVOKE): KeyState.REVOKED,
        (KeyState.DISABLED, KeyChange.DISABLE): KeyState.DISABLED,
        (KeyState.DISABLED, KeyChange.ENABLE): KeyState.ACTIVE,
        (KeyState.DISABLED, KeyChange.EXPIRE): KeyState.EXPIRED,
        (KeyState.DISABLED, KeyChange.REVOKE): KeyState.REVOKED,
        (KeyState.EXPIRED, KeyChange.REVOKE): KeyState.REVOKED,
        (KeyState.REVOKED, KeyChange.REVOKE): KeyState.REVOKED,
    }
)
"""What is not here cannot happen: a key that has ended stays ended. ACTIVE alone authenticates."""


def changed(state: KeyState, change: KeyChange) -> KeyState | None:
    """The state that the change leads to, or None when it cannot happen to a key in this state."""
    return LIFE.get((state, change))


def state_at(stored: KeyState, expires_at: datetime | None, now: datetime) -> KeyState:
    """The state of a key at `now`, which ends by itself at `expires_at` (None: never)."""
    if expires_at is None or now < expires_at:
        return stored
    return changed(stored, KeyChange.EXPIRE) or stored
