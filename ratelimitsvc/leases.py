"""Requests for leases as the contract has them, packed for the script, and its answer turned into responses. Pure."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from penstock.errors.v1 import error_reason_pb2 as reasons
from penstock.ratelimit.v1 import concurrency_service_pb2 as pb

from ratelimitsvc.batch import MAX_KEY_BYTES, MAX_LIMITS
from svckit.errors import Fault, FieldFault

MAX_SLOTS: Final = 10_000
MAX_LEASE_MILLIS: Final = 3_600_000
LEASE_ID_BYTES: Final = 16
# done, binding, remaining, retry-after (µs)
_ANSWER: Final = struct.Struct("<BBId")


class _Operation(IntEnum):
    """What lease.lua is asked for."""

    ACQUIRE = 1
    RENEW = 2
    RELEASE = 3


@dataclass(frozen=True, slots=True)
class LeaseCall:
    """What lease.lua takes: `keys` in the order of the limits, and the rest. `field` of the request has the keys."""

    keys: Sequence[bytes]
    argument: bytes
    field: str


def packed_acquire(request: pb.AcquireLeaseRequest, lease_id: bytes) -> LeaseCall:
    """Asks for slots under a new `lease_id`; Fault BAD_REQUEST names every field that breaks the contract's rules."""
    limits = request.limits
    paths = [f"limits[{index}].key" for index in range(len(limits))]
    keys = [limit.key for limit in limits]
    _refuse(
        *_key_faults("limits", paths, keys),
        *(
            FieldFault(f"limits[{index}].slots", f"is 1 to {MAX_SLOTS}")
            for index, limit in enumerate(limits)
            if not 1 <= limit.slots <= MAX_SLOTS
        ),
        *_duration_faults(request.lease_millis),
    )
    return _packed(_Operation.ACQUIRE, keys, lease_id, request.lease_millis, [limit.slots for limit in limits])


def packed_renew(request: pb.RenewLeaseRequest) -> LeaseCall:
    """Asks for more time; Fault BAD_REQUEST as above."""
    _refuse(*_lease_faults(request), *_duration_faults(request.lease_millis))
    return _packed(_Operation.RENEW, request.keys, request.lease_id, request.lease_millis)


def packed_release(request: pb.ReleaseLeaseRequest) -> LeaseCall:
    """Gives slots back; Fault BAD_REQUEST as above."""
    _refuse(*_lease_faults(request))
    return _packed(_Operation.RELEASE, request.keys, request.lease_id)


def acquisition(answer: bytes, lease_id: bytes) -> pb.AcquireLeaseResponse:
    """The script's answer to `packed_acquire`."""
    granted, binding, remaining, retry = _ANSWER.unpack(answer)
    return pb.AcquireLeaseResponse(
        lease_id=lease_id if granted else b"",
        binding=binding,
        remaining=remaining,
        retry_after_millis=-int(-retry // 1000),
    )


def was_held(answer: bytes) -> bool:
    """The script's answer to the others."""
    return bool(_ANSWER.unpack(answer)[0])


def _packed(
    operation: _Operation, keys: Sequence[bytes], lease_id: bytes, lease_millis: int = 0, slots: Sequence[int] = ()
) -> LeaseCall:
    numbers = struct.pack(f"<{1 + len(slots)}d", lease_millis * 1000, *slots)
    field = "limits" if operation is _Operation.ACQUIRE else "keys"
    return LeaseCall([b"c" + key for key in keys], bytes([operation]) + lease_id + numbers, field)


def _refuse(*faults: FieldFault) -> None:
    if faults:
        raise Fault(reasons.ERROR_REASON_BAD_REQUEST, fields=faults)


def _lease_faults(request: pb.RenewLeaseRequest | pb.ReleaseLeaseRequest) -> Iterator[FieldFault]:
    if len(request.lease_id) != LEASE_ID_BYTES:
        yield FieldFault("lease_id", f"has {LEASE_ID_BYTES} bytes")
    yield from _key_faults("keys", [f"keys[{index}]" for index in range(len(request.keys))], request.keys)


def _key_faults(path: str, paths: Sequence[str], keys: Sequence[bytes]) -> Iterator[FieldFault]:
    if not 1 <= len(keys) <= MAX_LIMITS:
        yield FieldFault(path, f"has 1 to {MAX_LIMITS} entries")
    for each, key in zip(paths, keys, strict=True):
        if not 1 <= len(key) <= MAX_KEY_BYTES:
            yield FieldFault(each, f"has 1 to {MAX_KEY_BYTES} bytes")
    if len(set(keys)) != len(keys):
        yield FieldFault(path, "names a key twice")


def _duration_faults(lease_millis: int) -> Iterator[FieldFault]:
    if not 1 <= lease_millis <= MAX_LEASE_MILLIS:
        yield FieldFault("lease_millis", f"is 1 to {MAX_LEASE_MILLIS}")
