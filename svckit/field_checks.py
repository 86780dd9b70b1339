"""What is wrong with a request, all of it at once, by path. Pure; knows forms, no tenant, key or limit.

A service puts its own names and bounds on top: `class FieldChecks(RequestChecks)`.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, TypeVar
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp
from penstock.errors.v1 import error_reason_pb2 as reasons

from svckit.errors import Fault, FieldFault

_NOT_IN_IDENTIFIERS: Final = re.compile(r"[^A-Za-z0-9._-]")
T = TypeVar("T")


class RequestChecks:
    """Collects the faults of one request. Each check returns the value to use if all checks pass.

    `path` is the field's: `name`, `limits[2].key`. Bounds are inclusive; lengths are in characters.
    """

    def __init__(self) -> None:
        self._faults: list[FieldFault] = []

    def done(self) -> None:
        """Raises BAD_REQUEST with every fault found, in the order of the checks, or nothing."""
        if self._faults:
            raise Fault(reasons.ERROR_REASON_BAD_REQUEST, fields=tuple(self._faults))

    def expect(self, path: str, holds: bool, message: str) -> None:
        """Notes a fault unless `holds`."""
        if not holds:
            self._faults.append(FieldFault(path, message))

    def parsed(self, path: str, value: str, parse: Callable[[str], T | None], message: str) -> T | None:
        """What `parse` makes of the value; None is a fault."""
        result = parse(value)
        self.expect(path, result is not None, message)
        return result

    def matching(self, path: str, value: str, pattern: re.Pattern[str], message: str) -> str:
        """The whole value has the pattern."""
        self.expect(path, pattern.fullmatch(value) is not None, message)
        return value

    def identifier(self, path: str, value: str, most: int, *, may_be_empty: bool = False) -> str:
        """An identifier that machines make: letters, digits and `._-`."""
        least, bounds = (0, f"at most {most}") if may_be_empty else (1, f"1–{most}")
        fits = least <= len(value) <= most and _NOT_IN_IDENTIFIERS.search(value) is None
        self.expect(path, fits, f"must be {bounds} characters of [A-Za-z0-9._-]")
        return value

    def printable(self, path: str, value: str, most: int) -> str:
        """A name for people, not empty: nothing that could break a log line or a header."""
        self.expect(path, 1 <= len(value) <= most and value.isprintable(), f"must be 1–{most} printable characters")
        return value

    def remark(self, path: str, value: str, most: int) -> str:
        """Words of people, on several lines or none."""
        shown = all(char.isprintable() or char in "\n\t" for char in value)
        self.expect(path, len(value) <= most and shown, f"must be at most {most} printable characters")
        return value

    def text(self, path: str, value: str, most: int) -> str:
        """Any text that a database can hold."""
        self.expect(path, len(value) <= most, f"must be at most {most} characters")
        self.expect(path, "\0" not in value, "must not contain NUL")
        return value

    def at_most(self, path: str, value: int, most: int) -> int:
        """For unsigned numbers and counts."""
        self.expect(path, value <= most, f"must be at most {most}")
        return value

    def optional_size(self, path: str, value: int, *, most: int, default: int) -> int:
        """A size such as a page's: `default` when the field is 0, which is absent."""
        self.expect(path, value <= most, f"must be 1–{most}")
        return value or default

    def uuid(self, path: str, value: str) -> UUID:
        """Any notation that `UUID` reads."""
        return self.parsed(path, value, _uuid, "must be a UUID") or UUID(int=0)

    def time(self, path: str, value: Timestamp) -> datetime | None:
        """The moment in UTC, of the years 1 to 9999; None after a fault."""
        try:
            return value.ToDatetime(UTC)
        except (ValueError, OverflowError):
            self.expect(path, False, "must be a valid time")
            return None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
