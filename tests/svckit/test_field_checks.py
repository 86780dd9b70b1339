"""Everything wrong with a request is told at once, by path; what is right goes through unchanged."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from penstock.errors.v1 import error_reason_pb2 as reasons

from svckit.errors import Fault, FieldFault
from svckit.field_checks import RequestChecks

Check = Callable[[RequestChecks], object]
LATEST: Final = Timestamp(seconds=253_402_300_799)
A_UUID: Final = "0f8fad5b-d9cb-469f-a165-70867728950e"
LETTERS: Final = re.compile(r"[a-z]{2}")


def number(text: str) -> int | None:
    return int(text) if text.isdecimal() else None


SOUND: Final[dict[str, tuple[Check, object]]] = {
    "what can be parsed": (lambda checks: checks.parsed("p", "0", number, "no"), 0),
    "the whole pattern": (lambda checks: checks.matching("p", "ab", LETTERS, "no"), "ab"),
    "the longest identifier": (lambda checks: checks.identifier("p", "aZ9._-", 6), "aZ9._-"),
    "an empty identifier where it may be": (lambda checks: checks.identifier("p", "", 6, may_be_empty=True), ""),
    "the longest name": (lambda checks: checks.printable("p", "a é", 3), "a é"),
    "an empty remark": (lambda checks: checks.remark("p", "", 3), ""),
    "a remark of two lines": (lambda checks: checks.remark("p", "a\n\t", 3), "a\n\t"),
    "the longest text, unprintable": (lambda checks: checks.text("p", "a\x01b", 3), "a\x01b"),
    "the largest number": (lambda checks: checks.at_most("p", 9, 9), 9),
    "the largest size": (lambda checks: checks.optional_size("p", 9, most=9, default=5), 9),
    "an absent size": (lambda checks: checks.optional_size("p", 0, most=9, default=5), 5),
    "a UUID": (lambda checks: checks.uuid("p", A_UUID), UUID(A_UUID)),
    "the epoch": (lambda checks: checks.time("p", Timestamp()), datetime(1970, 1, 1, tzinfo=UTC)),
    "the last second": (lambda checks: checks.time("p", LATEST), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
}
FAULTY: Final[dict[str, tuple[Check, str]]] = {
    "what cannot be parsed": (lambda checks: checks.parsed("p", "x", number, "must be it"), "must be it"),
    "a part of the pattern": (lambda checks: checks.matching("p", "abc", LETTERS, "must be it"), "must be it"),
    "the pattern and a newline": (lambda checks: checks.matching("p", "ab\n", LETTERS, "must be it"), "must be it"),
    "an empty identifier": (
        lambda checks: checks.identifier("p", "", 6),
        "must be 1–6 characters of [A-Za-z0-9._-]",
    ),
    "a long identifier": (
        lambda checks: checks.identifier("p", "1234567", 6, may_be_empty=True),
        "must be at most 6 characters of [A-Za-z0-9._-]",
    ),
    "an identifier in foreign letters": (
        lambda checks: checks.identifier("p", "é", 6),
        "must be 1–6 characters of [A-Za-z0-9._-]",
    ),
    "an identifier and a newline": (
        lambda checks: checks.identifier("p", "a\n", 6),
        "must be 1–6 characters of [A-Za-z0-9._-]",
    ),
    "an empty name": (lambda checks: checks.printable("p", "", 3), "must be 1–3 printable characters"),
    "a long name": (lambda checks: checks.printable("p", "abcd", 3), "must be 1–3 printable characters"),
    "a name of two lines": (lambda checks: checks.printable("p", "a\nb", 3), "must be 1–3 printable characters"),
    "a long remark": (lambda checks: checks.remark("p", "abcd", 3), "must be at most 3 printable characters"),
    "a remark with an escape": (lambda checks: checks.remark("p", "\x1b", 3), "must be at most 3 printable characters"),
    "a long text": (lambda checks: checks.text("p", "abcd", 3), "must be at most 3 characters"),
    "a text with a NUL": (lambda checks: checks.text("p", "a\0", 3), "must not contain NUL"),
    "a large number": (lambda checks: checks.at_most("p", 10, 9), "must be at most 9"),
    "a large size": (lambda checks: checks.optional_size("p", 10, most=9, default=5), "must be 1–9"),
    "no UUID": (lambda checks: checks.uuid("p", "x"), "must be a UUID"),
    "a time after the last": (
        lambda checks: checks.time("p", Timestamp(seconds=LATEST.seconds + 1)),
        "must be a valid time",
    ),
    "a time of too many nanoseconds": (
        lambda checks: checks.time("p", Timestamp(nanos=1_000_000_000)),
        "must be a valid time",
    ),
}


@pytest.mark.parametrize(("check", "value"), SOUND.values(), ids=SOUND.keys())
def test_what_is_right_goes_through(check: Check, value: object) -> None:
    checks = RequestChecks()

    assert check(checks) == value
    checks.done()


@pytest.mark.parametrize(("check", "message"), FAULTY.values(), ids=FAULTY.keys())
def test_what_is_wrong_is_told_by_its_path(check: Check, message: str) -> None:
    checks = RequestChecks()
    check(checks)

    with pytest.raises(Fault) as caught:
        checks.done()
    assert caught.value.reason == reasons.ERROR_REASON_BAD_REQUEST
    assert caught.value.fields == (FieldFault("p", message),)


def test_all_faults_are_told_at_once_in_the_order_of_the_checks() -> None:
    checks = RequestChecks()
    checks.text("b", "x\0y", 2)
    checks.expect("a[1]", True, "is never told")
    checks.expect("a[0]", False, "is wrong")

    with pytest.raises(Fault) as caught:
        checks.done()
    assert caught.value.fields == (
        FieldFault("b", "must be at most 2 characters"),
        FieldFault("b", "must not contain NUL"),
        FieldFault("a[0]", "is wrong"),
    )
