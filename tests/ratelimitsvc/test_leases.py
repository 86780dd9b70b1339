"""Requests for leases, packed for the script; the rules that they must keep."""

import struct
from collections.abc import Callable

import pytest
from penstock.errors.v1 import error_reason_pb2 as reasons
from penstock.ratelimit.v1 import concurrency_service_pb2 as pb

from ratelimitsvc.leases import (
    MAX_LEASE_MILLIS,
    MAX_SLOTS,
    LeaseCall,
    acquisition,
    packed_acquire,
    packed_release,
    packed_renew,
    was_held,
)
from svckit.errors import Fault

ID = b"0123456789abcdef"


def limit(key: bytes = b"k", slots: int = 5) -> pb.ConcurrencyLimit:
    return pb.ConcurrencyLimit(key=key, slots=slots)


def acquiring(limits: list[pb.ConcurrencyLimit], millis: int = 1) -> Callable[[], LeaseCall]:
    return lambda: packed_acquire(pb.AcquireLeaseRequest(limits=limits, lease_millis=millis), ID)


def renewing(lease_id: bytes = ID, keys: tuple[bytes, ...] = (b"k",), millis: int = 1) -> Callable[[], LeaseCall]:
    return lambda: packed_renew(pb.RenewLeaseRequest(lease_id=lease_id, keys=keys, lease_millis=millis))


def releasing(lease_id: bytes = ID, keys: tuple[bytes, ...] = (b"k",)) -> Callable[[], LeaseCall]:
    return lambda: packed_release(pb.ReleaseLeaseRequest(lease_id=lease_id, keys=keys))


def test_each_request_is_packed_as_the_script_takes_it() -> None:
    assert acquiring([limit(b"a", 5), limit(b"b", 7)], 30)() == LeaseCall(
        [b"ca", b"cb"], b"\x01" + ID + struct.pack("<ddd", 30_000, 5, 7), "limits"
    )
    assert renewing(millis=20)() == LeaseCall([b"ck"], b"\x02" + ID + struct.pack("<d", 20_000), "keys")
    assert releasing()() == LeaseCall([b"ck"], b"\x03" + ID + struct.pack("<d", 0), "keys")


@pytest.mark.parametrize(
    ("packing", "paths"),
    [
        pytest.param(acquiring([]), ["limits"], id="no limits"),
        pytest.param(acquiring([limit(b"%d" % n) for n in range(9)]), ["limits"], id="too many limits"),
        pytest.param(acquiring([limit(), limit(slots=6)]), ["limits"], id="one key twice"),
        pytest.param(acquiring([limit(b"")]), ["limits[0].key"], id="no key"),
        pytest.param(acquiring([limit(), limit(b"k" * 257)]), ["limits[1].key"], id="a long key"),
        pytest.param(acquiring([limit(slots=0)]), ["limits[0].slots"], id="no slots"),
        pytest.param(acquiring([limit(slots=MAX_SLOTS + 1)]), ["limits[0].slots"], id="many slots"),
        pytest.param(acquiring([limit()], 0), ["lease_millis"], id="no time"),
        pytest.param(acquiring([limit()], MAX_LEASE_MILLIS + 1), ["lease_millis"], id="a long time"),
        pytest.param(acquiring([], 0), ["limits", "lease_millis"], id="two faults"),
        pytest.param(renewing(b"short"), ["lease_id"], id="renew: no lease's id"),
        pytest.param(renewing(keys=()), ["keys"], id="renew: no keys"),
        pytest.param(renewing(keys=(b"a", b"")), ["keys[1]"], id="renew: an empty key"),
        pytest.param(renewing(millis=0), ["lease_millis"], id="renew: no time"),
        pytest.param(releasing(b""), ["lease_id"], id="release: no id"),
        pytest.param(releasing(keys=(b"a", b"a")), ["keys"], id="release: one key twice"),
    ],
)
def test_every_broken_rule_is_named_with_its_path(packing: Callable[[], LeaseCall], paths: list[str]) -> None:
    with pytest.raises(Fault) as refused:
        packing()
    assert refused.value.reason == reasons.ERROR_REASON_BAD_REQUEST
    assert [fault.path for fault in refused.value.fields] == paths


def test_a_granted_lease_is_named_and_a_refused_one_says_when_in_milliseconds_rounded_up() -> None:
    granted = acquisition(struct.pack("<BBId", 1, 1, 3, 0), ID)
    refused = acquisition(struct.pack("<BBId", 0, 2, 0, 1_001), ID)
    assert granted == pb.AcquireLeaseResponse(lease_id=ID, binding=1, remaining=3)
    assert refused == pb.AcquireLeaseResponse(binding=2, retry_after_millis=2)


@pytest.mark.parametrize("done", [True, False])
def test_whether_a_lease_was_held_is_passed_on(done: bool) -> None:
    assert was_held(struct.pack("<BBId", done, 0, 0, 0)) == done
