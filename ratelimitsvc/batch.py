"""Checks as the contract has them, packed for the script, and its answer turned into decisions. Pure.

The fast path looks at each field once; only when something is wrong does a second pass say what.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from penstock.errors.v1 import error_reason_pb2 as reasons
from penstock.ratelimit.v1 import limit_pb2 as pb
from penstock.ratelimit.v1 import rate_limit_service_pb2 as service_pb

from svckit.errors import Fault, FieldFault

MAX_CHECKS: Final = 128
MAX_LIMITS: Final = 8
MAX_KEY_BYTES: Final = 256
MAX_UNITS: Final = 1_000_000
EXACT_UP_TO: Final = 5_000
"""A ring of so many units has 40 KB; sub-windows have 1.2 KB, whatever the limit."""
MAX_WINDOW_MILLIS: Final = 366 * 24 * 3600 * 1000

WindowStore: TypeAlias = Literal["ring", "zset"]
_CLOCK: Final = struct.Struct("<d")
# allowed, binding, bits of the shadow limits without room, remaining, error, reset (µs), retry-after (µs)
_ANSWER: Final = struct.Struct("<BBBIIdd")
CLOCK_BYTES: Final = _CLOCK.size
DECISION_BYTES: Final = _ANSWER.size
_UNDECIDED: Final = 2
# Stands in an answer for a check that was not decided; the script never writes it.
UNDECIDED: Final = _ANSWER.pack(_UNDECIDED, 0, 0, 0, 0, 0, 0)


class Layout:
    """How counters are kept: the first byte of a counter's name in Redis tells the script its kind.

    The kinds never share a counter. `store` is where exact sliding windows keep their units: rings or sorted sets.
    Windows with a limit above `exact_up_to` are counted by sub-windows.
    """

    def __init__(self, store: WindowStore = "ring", exact_up_to: int = EXACT_UP_TO) -> None:
        window = b"w" if store == "ring" else b"z"
        self._window: Final = window
        self._exact_up_to: Final = exact_up_to
        self._kinds: Final[dict[int, bytes]] = {
            pb.ALGORITHM_UNSPECIFIED: window,
            pb.ALGORITHM_SLIDING_WINDOW: window,
            pb.ALGORITHM_TOKEN_BUCKET: b"b",
        }

    def kind(self, limit: pb.Limit) -> bytes:
        """The kind of a limit's counter; empty when its algorithm is not known."""
        kind = self._kinds.get(limit.algorithm, b"")
        return b"a" if limit.limit > self._exact_up_to and kind == self._window else kind


@dataclass(frozen=True, slots=True)
class Batch:
    """`keys` of all limits in order and the packed numbers, as `decide.lua` takes them."""

    keys: Sequence[bytes]
    numbers: bytes
    checks: int

    def __len__(self) -> int:
        return self.checks


Checks: TypeAlias = Sequence[pb.Check] | Batch
"""Of the contract, or packed already."""


def packed(checks: Checks, layout: Layout) -> Batch:
    """The batch that asks for `checks`; Fault BAD_REQUEST names every field that breaks the contract's rules."""
    if isinstance(checks, Batch):
        return checks
    keys: list[bytes] = []
    numbers: list[int] = []
    sound = 1 <= len(checks) <= MAX_CHECKS
    for check in checks:
        limits = check.limits
        count = len(limits)
        cost = check.cost or _unset_cost(check)
        numbers += (cost, count)
        # By index: a repeated field's iterator ends by an exception, which costs 1 µs per check.
        for index in range(count):
            limit = limits[index]
            key, units, window, shadow = limit.key, limit.limit, limit.window_millis, limit.shadow
            kind = layout.kind(limit)
            keys.append(kind + key)
            numbers += (-units if shadow else units, window * 1000)
            sound = (
                sound
                and 0 < len(key) <= MAX_KEY_BYTES
                and 0 < units <= MAX_UNITS
                and (cost <= units or shadow)
                and 0 < window <= MAX_WINDOW_MILLIS
                and kind != b""
            )
        if count != 1:
            sound = sound and 1 <= count <= MAX_LIMITS and len(set(keys[-count:])) == count
    if not sound:
        raise Fault(reasons.ERROR_REASON_BAD_REQUEST, fields=tuple(faults(checks, layout)))
    return Batch(keys, struct.pack(f"<{len(numbers)}d", *numbers), len(checks))


def packed_refund(check: pb.Check, layout: Layout) -> Batch:
    """The batch that gives the cost of `check` back; Fault BAD_REQUEST, with paths as `packed` has them."""
    if check.HasField("cost") and check.cost == 0:
        raise Fault(reasons.ERROR_REASON_BAD_REQUEST, fields=(FieldFault("checks[0].cost", "is 1 or more"),))
    batch = packed([check], layout)
    cost = struct.pack("<d", -(check.cost or 1))
    return replace(batch, numbers=cost + batch.numbers[len(cost) :])


def counter_keys(limits: Sequence[pb.Limit], layout: Layout) -> Sequence[bytes]:
    """The keys of the counters of `limits`; Fault BAD_REQUEST names every field that breaks a rule."""
    wrong = tuple(_faults_of_all(limits, "limits", layout))
    if wrong:
        raise Fault(reasons.ERROR_REASON_BAD_REQUEST, fields=wrong)
    return [layout.kind(limit) + limit.key for limit in limits]


def decided_at(answer: bytes) -> int:
    """The time of Redis at which the batch was decided, in microseconds since 1970."""
    return int(_CLOCK.unpack_from(answer)[0])


def add_decisions(answer: bytes, response: service_pb.CheckBatchResponse | service_pb.StreamChecksResponse) -> int:
    """Adds the decisions of the script's answer to the response in the order of the checks; how many were admitted.

    One that was not decided has an empty decision and is named as `undecided`.
    """
    add = response.decisions.add
    admitted = 0
    decisions = _ANSWER.iter_unpack(memoryview(answer)[_CLOCK.size :])
    for allowed, binding, missed, remaining, error, reset, retry in decisions:
        if allowed == _UNDECIDED:
            response.undecided.append(len(response.decisions))
            add()
            continue
        # Field by field, and only what is said: by keywords it takes half as long again.
        decision = add()
        decision.remaining = remaining
        decision.reset_millis = -int(-reset // 1000)
        if allowed:
            decision.allowed = True
        else:
            decision.retry_after_millis = -int(-retry // 1000)
        if binding:
            decision.binding = binding
        if error:
            decision.error = error
        if missed:
            decision.shadow_refused.extend(index for index in range(MAX_LIMITS) if missed >> index & 1)
        admitted += allowed
    return admitted


def faults(checks: Sequence[pb.Check], layout: Layout) -> Iterator[FieldFault]:
    """Every field of `checks` that breaks a rule of the contract, by path (`checks[2].limits[0].key`)."""
    if not 1 <= len(checks) <= MAX_CHECKS:
        yield FieldFault("checks", f"has 1 to {MAX_CHECKS} entries")
    for index, check in enumerate(checks):
        path = f"checks[{index}]"
        yield from _faults_of_all(check.limits, f"{path}.limits", layout)
        cost = check.cost or _unset_cost(check)
        if any(cost > limit.limit for limit in check.limits if not limit.shadow):
            yield FieldFault(f"{path}.cost", "is at most the smallest limit")


def _faults_of_all(limits: Sequence[pb.Limit], path: str, layout: Layout) -> Iterator[FieldFault]:
    if not 1 <= len(limits) <= MAX_LIMITS:
        yield FieldFault(path, f"has 1 to {MAX_LIMITS} entries")
    for position, limit in enumerate(limits):
        yield from _limit_faults(limit, f"{path}[{position}]", layout)
    names = [layout.kind(limit) + limit.key for limit in limits]
    if len(set(names)) != len(names):
        yield FieldFault(path, "names a counter twice")


def _limit_faults(limit: pb.Limit, path: str, layout: Layout) -> Iterable[FieldFault]:
    if not 1 <= len(limit.key) <= MAX_KEY_BYTES:
        yield FieldFault(f"{path}.key", f"has 1 to {MAX_KEY_BYTES} bytes")
    if not 1 <= limit.limit <= MAX_UNITS:
        yield FieldFault(f"{path}.limit", f"is 1 to {MAX_UNITS}")
    if not 1 <= limit.window_millis <= MAX_WINDOW_MILLIS:
        yield FieldFault(f"{path}.window_millis", f"is 1 to {MAX_WINDOW_MILLIS}")
    if not layout.kind(limit):
        yield FieldFault(f"{path}.algorithm", "is not known")


def _unset_cost(check: pb.Check) -> int:
    return 0 if check.HasField("cost") else 1
