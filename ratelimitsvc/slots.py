"""Counters on a Redis Cluster: their names, a batch cut by slot, its answers put together. Pure.

What stands in front of the first `:` of a key (all of it where there is none) is its hash tag: all counters of a
tenant lie in one slot, so that a check of several limits is decided there as a whole.
"""

import struct
from binascii import crc_hqx
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from penstock.errors.v1 import error_reason_pb2 as reasons

from ratelimitsvc.batch import CLOCK_BYTES, DECISION_BYTES, UNDECIDED, Batch
from svckit.errors import Fault, FieldFault

SLOTS: Final = 16_384
_SEVERAL: Final = "lie in different slots of the Redis Cluster"


@dataclass(frozen=True, slots=True)
class Part:
    """The checks of a batch, by their places in it, that lie in one slot."""

    slot: int
    places: Sequence[int]
    batch: Batch


def tagged(counter: bytes) -> bytes:
    """The name on a cluster of a counter, whose first octet is its kind: `wtenant:x` is `w{tenant}:x`."""
    tag, colon, rest = counter[1:].partition(b":")
    return b"%b{%b}%b%b" % (counter[:1], tag, colon, rest)


def slot_of(name: bytes) -> int:
    """The slot of a name: CRC16 of what stands in its first braces, of all of it if that is nothing."""
    tag, closed, _ = name.partition(b"{")[2].partition(b"}")
    return crc_hqx(tag if tag and closed else name, 0) % SLOTS


def in_one_slot(counters: Sequence[bytes], field: str) -> tuple[int, Sequence[bytes]]:
    """The slot of counters, and their names there; Fault BAD_REQUEST on the `field` when they lie in several."""
    names = [tagged(counter) for counter in counters]
    slot, *others = {slot_of(name) for name in names}
    if others:
        raise Fault(reasons.ERROR_REASON_BAD_REQUEST, fields=(FieldFault(field, _SEVERAL),))
    return slot, names


def parts(batch: Batch) -> list[Part]:
    """The batch cut by slot; Fault BAD_REQUEST names every check whose limits lie in different ones."""
    numbers = struct.unpack(f"<{len(batch.numbers) // 8}d", batch.numbers)
    found: dict[int, tuple[list[int], list[bytes], list[float]]] = {}
    faults: list[FieldFault] = []
    at = first = 0
    for place in range(batch.checks):
        limits = int(numbers[at + 1])
        names = [tagged(counter) for counter in batch.keys[first : first + limits]]
        slot, *others = {slot_of(name) for name in names}
        if others:
            faults.append(FieldFault(f"checks[{place}].limits", _SEVERAL))
        places, keys, own_numbers = found.setdefault(slot, ([], [], []))
        places.append(place)
        keys += names
        end = at + 2 + 2 * limits
        own_numbers += numbers[at:end]
        at, first = end, first + limits
    if faults:
        raise Fault(reasons.ERROR_REASON_BAD_REQUEST, fields=tuple(faults))
    return [
        Part(slot, places, Batch(keys, struct.pack(f"<{len(own)}d", *own), len(places)))
        for slot, (places, keys, own) in found.items()
    ]


def joined(cut: Sequence[Part], answers: Sequence[bytes | None]) -> bytes:
    """The answers to the parts as one to the batch; None stands for a part that was not decided.

    Its time is that of one of the nodes, and 0 where none has decided.
    """
    clock = bytes(CLOCK_BYTES)
    decisions = [UNDECIDED] * sum(part.batch.checks for part in cut)
    for part, answer in zip(cut, answers, strict=True):
        if answer is None:
            continue
        clock = answer[:CLOCK_BYTES]
        for place, start in zip(part.places, range(CLOCK_BYTES, len(answer), DECISION_BYTES), strict=True):
            decisions[place] = answer[start : start + DECISION_BYTES]
    return clock + b"".join(decisions)
