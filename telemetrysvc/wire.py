"""Takes a serialised message apart without parsing it, so that one bad element does not cost the others. Pure."""

from collections.abc import Iterator
from typing import Final

from google.protobuf.message import DecodeError

_LENGTH_DELIMITED: Final = 2
_LONGEST_VARINT: Final = 10


def elements(message: bytes) -> Iterator[bytes]:
    """Each top-level field of `message`, tag included: a message of its own.

    DecodeError when the structure breaks; fields of other types than length-delimited are not ours, and break it.
    """
    start = 0
    while start < len(message):
        tag, after_tag = _varint(message, start)
        if tag & 7 != _LENGTH_DELIMITED:
            raise DecodeError("not a field of bytes")
        length, begin = _varint(message, after_tag)
        end = begin + length
        if end > len(message):
            raise DecodeError("cut off")
        yield message[start:end]
        start = end


def _varint(message: bytes, start: int) -> tuple[int, int]:
    """The number at `start` and the place after it."""
    number = 0
    for index, octet in enumerate(message[start : start + _LONGEST_VARINT]):
        number |= (octet & 0x7F) << 7 * index
        if octet < 0x80:
            return number, start + index + 1
    raise DecodeError("not a number")
