"""The bounds of request fields: the last value that fits, and the first that does not."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from penstock.auth.v1.auth_service_pb2 import KeyUse

from authsvc.fields import MAX_GRACE, FieldChecks
from domain.tenants import DEFAULT_TENANT
from svckit.errors import Fault

NOW: Final = datetime(2030, 1, 1, tzinfo=UTC)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
SECONDS: Final = int(NOW.timestamp())
WEEK: Final = int(MAX_GRACE.total_seconds())
Check = Callable[[FieldChecks], object]

SOUND: Final[dict[str, tuple[Check, object]]] = {
    "a tenant": (lambda checks: checks.tenant("p", DEFAULT_TENANT), DEFAULT_TENANT),
    "a short id": (lambda checks: checks.short_id("p", "Tenant01"), "Tenant01"),
    "a key id": (lambda checks: checks.key_id("p", "KeyKey01"), "KeyKey01"),
    "the longest request id": (lambda checks: checks.request_id("p", "r" * 128), "r" * 128),
    "the longest gateway id": (lambda checks: checks.gateway_id("p", "g" * 64), "g" * 64),
    "no tier": (lambda checks: checks.tier("p", ""), ""),
    "the longest tier": (lambda checks: checks.tier("p", "t" * 64), "t" * 64),
    "the last slot": (lambda checks: checks.slot("p", 65_535), 65_535),
    "the longest name": (lambda checks: checks.name("p", "é" * 128), "é" * 128),
    "no scopes": (lambda checks: checks.scopes("p", []), []),
    "the most scopes": (lambda checks: checks.scopes("p", [str(n) for n in range(64)]), [str(n) for n in range(64)]),
    "the longest scope": (lambda checks: checks.scopes("p", ["a" * 128]), ["a" * 128]),
    "scopes in their order, once": (lambda checks: checks.scopes("p", ["b:1", "a._-", "b:1"]), ["b:1", "a._-"]),
    "no labels": (lambda checks: checks.labels("p", {}), ()),
    "the most labels, by name": (
        lambda checks: checks.labels("p", {f"{n:02}": "v" * 63 for n in reversed(range(16))}),
        tuple((f"{n:02}", "v" * 63) for n in range(16)),
    ),
    "no end": (lambda checks: checks.future("p", None), None),
    "the next moment": (
        lambda checks: checks.future("p", Timestamp(seconds=SECONDS, nanos=1000)),
        NOW + timedelta(microseconds=1),
    ),
    "a key that was used": (
        lambda checks: checks.uses("p", [KeyUse(key_id="KeyKey01", last_use_time=Timestamp(seconds=SECONDS))]),
        [("KeyKey01", NOW)],
    ),
    "the most uses": (
        lambda checks: checks.uses("p", [KeyUse(key_id="KeyKey01")] * 1000),
        [("KeyKey01", EPOCH)] * 1000,
    ),
    "hashes": (lambda checks: checks.hashes("p", [b"a" * 32, b"b" * 32]), [b"a" * 32, b"b" * 32]),
    "no grace": (lambda checks: checks.grace("p", Duration()), timedelta(0)),
    "the longest grace": (lambda checks: checks.grace("p", Duration(seconds=WEEK)), MAX_GRACE),
    "a page as long as usual": (lambda checks: checks.page_size("p", 0), 100),
    "the longest page": (lambda checks: checks.page_size("p", 500), 500),
}
FAULTY: Final[dict[str, tuple[Check, str]]] = {
    "no tenant": (lambda checks: checks.tenant("p", ""), "p: must be a UUID in lower case"),
    "a tenant in capitals": (
        lambda checks: checks.tenant("p", "0F8FAD5B-D9CB-469F-A165-70867728950E"),
        "p: must be a UUID in lower case",
    ),
    "a long short id": (lambda checks: checks.short_id("p", "Tenant012"), "p: must be 8 base62 characters"),
    "a key id with a dash": (lambda checks: checks.key_id("p", "Key-ey01"), "p: must be 8 base62 characters"),
    "no request id": (lambda checks: checks.request_id("p", ""), "p: must be 1–128 characters of [A-Za-z0-9._-]"),
    "a long request id": (
        lambda checks: checks.request_id("p", "r" * 129),
        "p: must be 1–128 characters of [A-Za-z0-9._-]",
    ),
    "a long gateway id": (
        lambda checks: checks.gateway_id("p", "g" * 65),
        "p: must be 1–64 characters of [A-Za-z0-9._-]",
    ),
    "a long tier": (lambda checks: checks.tier("p", "t" * 65), "p: must be at most 64 characters of [A-Za-z0-9._-]"),
    "a slot beyond the last": (lambda checks: checks.slot("p", 65_536), "p: must be at most 65535"),
    "no name": (lambda checks: checks.name("p", ""), "p: must be 1–128 printable characters"),
    "a name of two lines": (lambda checks: checks.name("p", "a\nb"), "p: must be 1–128 printable characters"),
    "too many scopes": (lambda checks: checks.scopes("p", ["a"] * 65), "p: must be at most 64"),
    "a scope with a space": (
        lambda checks: checks.scopes("p", ["a", "a b"]),
        "p[1]: must be 1–128 characters of [A-Za-z0-9._:-]",
    ),
    "an empty scope": (
        lambda checks: checks.scopes("p", [""]),
        "p[0]: must be 1–128 characters of [A-Za-z0-9._:-]",
    ),
    "too many labels": (lambda checks: checks.labels("p", {str(n): "v" for n in range(17)}), "p: must be at most 16"),
    "a label's name with a space": (
        lambda checks: checks.labels("p", {"a b": "v"}),
        "p: must have names of 1–63 characters of [A-Za-z0-9._-]",
    ),
    "a label without a value": (
        lambda checks: checks.labels("p", {"team": ""}),
        "p[team]: must be 1–63 characters of [A-Za-z0-9._-]",
    ),
    "an end that is now": (lambda checks: checks.future("p", Timestamp(seconds=SECONDS)), "p: must lie in the future"),
    "no uses": (lambda checks: checks.uses("p", []), "p: must be 1–1000"),
    "too many uses": (lambda checks: checks.uses("p", [KeyUse(key_id="KeyKey01")] * 1001), "p: must be 1–1000"),
    "the use of no key": (lambda checks: checks.uses("p", [KeyUse()]), "p[0].key_id: must be 8 base62 characters"),
    "a use that is no time": (
        lambda checks: checks.uses("p", [KeyUse(key_id="KeyKey01", last_use_time=Timestamp(seconds=2**62))]),
        "p[0].last_use_time: must be a valid time",
    ),
    "a hash too short": (lambda checks: checks.hashes("p", [b"a" * 32, b"b" * 31]), "p[1].sha256: must be 32 octets"),
    "a hash twice": (lambda checks: checks.hashes("p", [b"a" * 32] * 2), "p[1].sha256: is in the request already"),
    "a grace too long": (
        lambda checks: checks.grace("p", Duration(seconds=WEEK, nanos=1000)),
        "p: must be 0 s – 7 days",
    ),
    "a grace below zero": (lambda checks: checks.grace("p", Duration(nanos=-1000)), "p: must be 0 s – 7 days"),
    "a grace that is no time": (
        lambda checks: checks.grace("p", Duration(seconds=2**62)),
        "p: must be 0 s – 7 days",
    ),
    "a page too long": (lambda checks: checks.page_size("p", 501), "p: must be 1–500"),
}


@pytest.mark.parametrize(("check", "value"), SOUND.values(), ids=SOUND.keys())
def test_what_is_sound_goes_through(check: Check, value: object) -> None:
    checks = FieldChecks(lambda: NOW)
    assert check(checks) == value
    checks.done()


@pytest.mark.parametrize(("check", "told"), FAULTY.values(), ids=FAULTY.keys())
def test_what_is_not_is_told_by_its_path(check: Check, told: str) -> None:
    checks = FieldChecks(lambda: NOW)
    check(checks)
    with pytest.raises(Fault) as refused:
        checks.done()
    assert [f"{field.path}: {field.message}" for field in refused.value.fields] == [told]


def test_an_end_that_is_no_time_is_a_fault() -> None:
    checks = FieldChecks(lambda: NOW)
    assert checks.future("p", Timestamp(seconds=2**62)) is None
    with pytest.raises(Fault) as refused:
        checks.done()
    assert [field.message for field in refused.value.fields] == ["must be a valid time"]
