"""Spells a position in a list of keys as an opaque page token. Pure; a token grants nothing."""

import base64
import binascii
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

from domain.api_keys import KEY_ID

Position: TypeAlias = tuple[datetime, str]
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_MAX_LENGTH: Final = 64


def spell(position: Position) -> str:
    """The token of the last key of a page: its time of creation and its id."""
    created, key_id = position
    text = f"{(created - _EPOCH) // _MICROSECOND}.{key_id}"
    return base64.urlsafe_b64encode(text.encode()).decode()


def read(token: str) -> Position | None:
    """The position that a token spells, or None for what `spell` never made."""
    try:
        text = base64.urlsafe_b64decode(token) if len(token) <= _MAX_LENGTH else b""
        microseconds, _, key_id = text.decode("ascii").partition(".")
        created = _EPOCH + int(microseconds) * _MICROSECOND
    except (binascii.Error, ValueError, OverflowError):
        return None
    position = (created, key_id)
    return position if KEY_ID.fullmatch(key_id) and spell(position) == token else None
