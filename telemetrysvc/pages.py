"""Page tokens: the place of the last row of a page, bound to the filters that made it. Pure.

A token is a place and no permission: it is checked for form only, and never becomes part of a statement's text.
"""

import base64
import binascii
import hashlib
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

_TOKEN: Final = struct.Struct(">Bq16s8s")
_VERSION: Final = 1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_MICROS: Final = 253_402_300_800_000_000


@dataclass(frozen=True, slots=True)
class Place:
    """A row of a newest-first list, by its key."""

    time: datetime
    id: UUID


def write_token(place: Place, filters: bytes) -> str:
    """The token of the page after `place` in the list that `filters` (any serialised form) select."""
    micros = to_micros(place.time)
    packed = _TOKEN.pack(_VERSION, micros, place.id.bytes, _digest(filters))
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def read_token(text: str, filters: bytes) -> Place | None:
    """The place in a token that `write_token` made with the same filters; None for anything else."""
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        version, micros, octets, digest = _TOKEN.unpack(packed)
    except (binascii.Error, ValueError, struct.error):
        return None
    if version != _VERSION or digest != _digest(filters) or not 0 <= micros < _LATEST_MICROS:
        return None
    return Place(_EPOCH + timedelta(microseconds=micros), UUID(bytes=octets))


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _digest(filters: bytes) -> bytes:
    return hashlib.sha256(filters).digest()[:8]
