"""Times of the management API: RFC 3339 outside, protobuf timestamps inside."""

import re
from datetime import UTC, datetime
from typing import Annotated, Final

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from pydantic import BeforeValidator, WithJsonSchema

_RFC3339: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-5][0-9])"
)
_SENTENCE: Final = "must be an RFC 3339 time, such as 2026-01-31T12:00:00Z"
# Keeps every offset within what a datetime and a protobuf timestamp can hold.
_YEARS: Final = range(1970, 9999)


def parse_time(text: object) -> datetime:
    """The UTC time that an RFC 3339 text says; ValueError for anything else."""
    if not isinstance(text, str) or not _RFC3339.fullmatch(text):
        raise ValueError(_SENTENCE)
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        raise ValueError(_SENTENCE) from None
    # Both years: the local one keeps the conversion within bounds, the one in UTC is what counts.
    if moment.year not in _YEARS or moment.astimezone(UTC).year not in _YEARS:
        raise ValueError(f"must lie between the years {_YEARS.start} and {_YEARS.stop - 1}")
    return moment.astimezone(UTC)


GivenTime = Annotated[datetime, BeforeValidator(parse_time), WithJsonSchema({"type": "string", "format": "date-time"})]


def time_of(message: Message, field: str) -> datetime | None:
    """The UTC time in the Timestamp `field` of `message`, or None when it is absent."""
    if not message.HasField(field):
        return None
    stamp: Timestamp = getattr(message, field)
    return stamp.ToDatetime(tzinfo=UTC)


def stamp_of(moment: datetime | None) -> Timestamp | None:
    """The Timestamp of a time; None stays absent."""
    if moment is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def of_micros(micros: int) -> datetime:
    """The UTC time `micros` microseconds after 1970."""
    stamp = Timestamp()
    stamp.FromMicroseconds(micros)
    return stamp.ToDatetime(tzinfo=UTC)
