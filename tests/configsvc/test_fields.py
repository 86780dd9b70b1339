"""The bounds of request fields: the last value that fits, and the first that does not."""

from collections.abc import Callable
from typing import Final

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from penstock.config.v1 import config_service_pb2 as pb
from penstock.config.v1 import tenant_pb2

from configsvc.fields import MAX_HOSTS, FieldChecks
from domain.tenants import DEFAULT_TENANT
from svckit.errors import Fault

A_UUID: Final = "0f8fad5b-d9cb-469f-a165-70867728950e"
SLUG: Final = "must be 1–63 characters of [a-z0-9-], no hyphen at an end"
HOST: Final = "must be a host name in lower case, without port"
NO_TIME: Final = Timestamp(seconds=2**62)
HOSTS: Final = [f"h{number}.test" for number in range(MAX_HOSTS + 1)]
Check = Callable[[FieldChecks], object]


def instance(gateway_id: str = "gw-1", slot: int = 0, boot_id: str = A_UUID) -> pb.Instance:
    return pb.Instance(gateway_id=gateway_id, slot=slot, boot_id=boot_id)


SOUND: Final[dict[str, tuple[Check, object]]] = {
    "a tenant": (lambda checks: checks.tenant("p", A_UUID), A_UUID),
    "every tenant": (lambda checks: checks.scope("p", "default"), None),
    "one tenant": (lambda checks: checks.scope("p", DEFAULT_TENANT), DEFAULT_TENANT),
    "the largest instance": (
        lambda checks: checks.instance("p", instance("g" * 64, 65_535)),
        instance("g" * 64, 65_535),
    ),
    "the largest number": (lambda checks: checks.number("p", 2**63 - 1), 2**63 - 1),
    "the longest slug": (lambda checks: checks.slug("p", "a" * 63), "a" * 63),
    "a slug of a UUID's length": (lambda checks: checks.slug("p", A_UUID[:-1] + "z"), A_UUID[:-1] + "z"),
    "the longest request id": (lambda checks: checks.request_id("p", "r" * 128), "r" * 128),
    "the longest name": (lambda checks: checks.name("p", "é" * 128), "é" * 128),
    "no hosts": (lambda checks: checks.hosts("p", []), ()),
    "the most hosts": (lambda checks: checks.hosts("p", HOSTS[:MAX_HOSTS]), tuple(HOSTS[:MAX_HOSTS])),
    "an address as a host": (lambda checks: checks.hosts("p", ["127.0.0.1"]), ("127.0.0.1",)),
    "no subscription": (lambda checks: checks.subscription("p", tenant_pb2.Subscription()), None),
    "the longest subscription": (
        lambda checks: checks.subscription(
            "p", tenant_pb2.Subscription(tier="t" * 64, status="past_due", valid_until=Timestamp())
        ),
        None,
    ),
    "writable": (lambda checks: checks.read_only("p", tenant_pb2.ReadOnly()), None),
    "the longest reason": (
        lambda checks: checks.read_only("p", tenant_pb2.ReadOnly(reason="r\n" * 128, until=Timestamp())),
        None,
    ),
    "a page as long as usual": (lambda checks: checks.page_size("p", 0), 100),
    "the longest page": (lambda checks: checks.page_size("p", 500), 500),
}
FAULTY: Final[dict[str, tuple[Check, list[str]]]] = {
    "no tenant": (lambda checks: checks.tenant("p", ""), ["p: must be a UUID in lower case"]),
    "a tenant's slug": (lambda checks: checks.tenant("p", "default"), ["p: must be a UUID in lower case"]),
    "a scope in capitals": (lambda checks: checks.scope("p", A_UUID.upper()), ["p: must be a UUID in lower case"]),
    "another word for all": (lambda checks: checks.scope("p", "*"), ["p: must be a UUID in lower case"]),
    "an instance wrong in all": (
        lambda checks: checks.instance("p", instance("g" * 65, 65_536, "b")),
        [
            "p.gateway_id: must be 1–64 characters of [A-Za-z0-9._-]",
            "p.slot: must be at most 65535",
            "p.boot_id: must be a UUID",
        ],
    ),
    "a number beyond bigint": (lambda checks: checks.number("p", 2**63), [f"p: must be at most {2**63 - 1}"]),
    "no slug": (lambda checks: checks.slug("p", ""), [f"p: {SLUG}"]),
    "a long slug": (lambda checks: checks.slug("p", "a" * 64), [f"p: {SLUG}"]),
    "a slug in capitals": (lambda checks: checks.slug("p", "Acme"), [f"p: {SLUG}"]),
    "a slug with a hyphen at its end": (lambda checks: checks.slug("p", "a-"), [f"p: {SLUG}"]),
    "a slug that is an id": (lambda checks: checks.slug("p", A_UUID), ["p: must not have the form of a tenant's id"]),
    "a long request id": (
        lambda checks: checks.request_id("p", "r" * 129),
        ["p: must be 1–128 characters of [A-Za-z0-9._-]"],
    ),
    "no name": (lambda checks: checks.name("p", ""), ["p: must be 1–128 printable characters"]),
    "a long name": (lambda checks: checks.name("p", "é" * 129), ["p: must be 1–128 printable characters"]),
    "too many hosts": (lambda checks: checks.hosts("p", HOSTS), ["p: must be at most 100"]),
    "a host twice": (lambda checks: checks.hosts("p", ["a.test", "a.test"]), ["p: must not name a host twice"]),
    "hosts that are none": (
        lambda checks: checks.hosts("p", ["a.test", "A.test", "a.test:80", "*.test"]),
        [f"p[1]: {HOST}", f"p[2]: {HOST}", f"p[3]: {HOST}"],
    ),
    "a subscription wrong in all": (
        lambda checks: checks.subscription(
            "p", tenant_pb2.Subscription(tier="t" * 65, status="gold", valid_until=NO_TIME)
        ),
        [
            "p.tier: must be at most 64 characters of [A-Za-z0-9._-]",
            "p.status: must be active, trialing, past_due or canceled",
            "p.valid_until: must be a valid time",
        ],
    ),
    "a read-only state wrong in all": (
        lambda checks: checks.read_only("p", tenant_pb2.ReadOnly(reason="r" * 257, until=NO_TIME)),
        ["p.reason: must be at most 256 printable characters", "p.until: must be a valid time"],
    ),
    "a page too long": (lambda checks: checks.page_size("p", 501), ["p: must be 1–500"]),
}


@pytest.mark.parametrize(("check", "value"), SOUND.values(), ids=SOUND.keys())
def test_what_is_sound_goes_through(check: Check, value: object) -> None:
    checks = FieldChecks()
    assert check(checks) == value
    checks.done()


@pytest.mark.parametrize(("check", "told"), FAULTY.values(), ids=FAULTY.keys())
def test_what_is_not_is_told_by_its_path(check: Check, told: list[str]) -> None:
    checks = FieldChecks()
    check(checks)
    with pytest.raises(Fault) as refused:
        checks.done()
    assert [f"{field.path}: {field.message}" for field in refused.value.fields] == told


def test_a_list_of_any_length_is_judged_by_its_first_items_only() -> None:
    checks = FieldChecks()
    checks.hosts("p", ["no host"] * 200_000)
    with pytest.raises(Fault) as refused:
        checks.done()
    assert len(refused.value.fields) == MAX_HOSTS + 2


@pytest.mark.parametrize("check", [FieldChecks.tenant, FieldChecks.scope], ids=["tenant", "scope"])
def test_after_a_fault_no_stranger_stands_for_the_tenant(check: Callable[[FieldChecks, str, str], object]) -> None:
    assert check(FieldChecks(), "p", A_UUID.upper()) == DEFAULT_TENANT
