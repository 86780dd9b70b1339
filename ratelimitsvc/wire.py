"""StreamChecksRequests packed for the script from their bytes, without a message for each check and limit. Pure.

To look at the fields of a check in generated code costs 1.5 µs, and three times that beside others on the machine; this
costs 0.3. What a limit says besides its key is the same for all under a rule, so it is read and validated once. What is
not as edges write it, or breaks a rule, is left to the generated code: tests hold both ways equal.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from google.protobuf.message import DecodeError
from penstock.ratelimit.v1 import limit_pb2
from penstock.ratelimit.v1 import rate_limit_service_pb2 as pb

from ratelimitsvc.batch import MAX_CHECKS, Batch, Checks, Layout, packed
from svckit.errors import Fault

_MAX_RULES: Final = 4_096
# Tags of a message's first and second field with a length, and of its first with a number.
_FIRST, _SECOND, _FIRST_NUMBER = 0x0A, 0x12, 0x08
_MORE: Final = 0x80


@dataclass(frozen=True, slots=True)
class StreamedChecks:
    """A StreamChecksRequest; its checks are packed already where that was possible."""

    batch_id: int
    budget_millis: int
    checks: Checks


class RequestReader:
    """Reads the requests of streams; counters are kept as `layout` says."""

    def __init__(self, layout: Layout) -> None:
        self._layout: Final = layout
        self._rule: Final = lru_cache(maxsize=_MAX_RULES)(self._read_rule)

    def __call__(self, request: bytes) -> StreamedChecks:
        """The request; DecodeError."""
        try:
            read = self._read(request)
        except (IndexError, DecodeError, Fault):
            read = None
        if read is None:
            message = pb.StreamChecksRequest.FromString(request)
            return StreamedChecks(message.batch_id, message.budget_millis, message.checks)
        return read

    def _read(self, request: bytes) -> StreamedChecks | None:
        """The request, if it is an id and sound checks; IndexError, DecodeError or Fault, if not."""
        size = len(request)
        if request[0] != _FIRST_NUMBER:
            return None
        batch_id, at = _varint(request, 1)
        keys: list[bytes] = []
        numbers: list[bytes] = []
        checks = 0
        while at < size:
            if request[at] != _SECOND:
                return None
            length, start = request[at + 1], at + 2
            if length >= _MORE:
                length, start = _varint(request, at + 1)
            at = start + length
            if at > size:
                return None
            checks += 1
            # One limit, which begins with its key, and nothing else, which means a cost of 1.
            if request[start] == _FIRST and request[start + 1] == length - 2 and length < _MORE:
                key_at = start + 4
                tail_at = key_at + request[start + 3]
                if request[start + 2] == _FIRST and key_at < tail_at <= at and request[start + 3] < _MORE:
                    rule = self._rule(request[tail_at:at])
                    if rule is None:
                        return None
                    kind, rule_numbers = rule
                    keys.append(kind + request[key_at:tail_at])
                    numbers.append(rule_numbers)
                    continue
            one = packed([limit_pb2.Check.FromString(request[start:at])], self._layout)
            keys += one.keys
            numbers.append(one.numbers)
        if not 1 <= checks <= MAX_CHECKS:
            return None
        return StreamedChecks(batch_id, 0, Batch(keys, b"".join(numbers), checks))

    def _read_rule(self, tail: bytes) -> tuple[bytes, bytes] | None:
        """The kind of a counter and the numbers of a check, by all of the check's one limit but its key; None, if
        that is not written in the one usual way. DecodeError, Fault."""
        limit = limit_pb2.Limit.FromString(tail)
        if limit.key or limit.SerializeToString() != tail:
            return None
        limit.key = b"k"
        batch = packed([limit_pb2.Check(limits=[limit])], self._layout)
        return batch.keys[0][:-1], batch.numbers


def _varint(octets: bytes, at: int) -> tuple[int, int]:
    """A number in protobuf's variable-length form, and where it ends; IndexError when there is none of 64 bits."""
    value = shift = 0
    while (octet := octets[at]) >= _MORE:
        value |= (octet & 0x7F) << shift
        at, shift = at + 1, shift + 7
    value |= octet << shift
    if value >> 64:
        raise IndexError("longer than any number")
    return value, at + 1
