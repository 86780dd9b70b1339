"""A request of Envoy's to the checks that decide it, and the decisions to its answer. Pure.

All descriptors together are one check: the request is counted on every one of them or on none. Checks of cost 0 in
the same batch, which Redis decides in one go, tell how each counter stands then.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from penstock.envoy.v3 import rate_limit_pb2 as pb
from penstock.errors.v1 import error_reason_pb2 as reasons
from penstock.ratelimit.v1 import limit_pb2

from domain.limit_fields import policy_item, seconds, sf_string, state_item
from ratelimitsvc.batch import MAX_KEY_BYTES, MAX_LIMITS, MAX_UNITS
from ratelimitsvc.envoy.policies import DescriptorPolicies, Entries, Policy, default_name
from svckit.errors import Fault, FieldFault, problem

MAX_DESCRIPTORS: Final = 64
MAX_ENTRIES: Final = 16
# Without a colon: what stands in front of the first one tells a cluster of Redis where the counters of a check lie.
_DOMAIN: Final = re.compile(r"[A-Za-z0-9._/@-]{1,128}")

_DAY_MILLIS: Final = 86_400_000
_WINDOW_MILLIS: Final = {
    pb.RATE_LIMIT_UNIT_SECOND: 1_000,
    pb.RATE_LIMIT_UNIT_MINUTE: 60_000,
    pb.RATE_LIMIT_UNIT_HOUR: 3_600_000,
    pb.RATE_LIMIT_UNIT_DAY: _DAY_MILLIS,
    pb.RATE_LIMIT_UNIT_WEEK: 7 * _DAY_MILLIS,
    pb.RATE_LIMIT_UNIT_MONTH: 30 * _DAY_MILLIS,
    pb.RATE_LIMIT_UNIT_YEAR: 365 * _DAY_MILLIS,
}
_UNITS: Final = {millis: unit for unit, millis in _WINDOW_MILLIS.items()}


@dataclass(slots=True)
class Counter:
    """One counter that a request is to be counted on. `hits` 0 asks whether anything is left."""

    policy: Policy
    key: bytes
    hits: int

    @property
    def needs(self) -> int:
        """How many units must be left."""
        return max(self.hits, 1)

    def limit(self) -> limit_pb2.Limit:
        """The limit as our own contract has it."""
        policy = self.policy
        return limit_pb2.Limit(
            key=self.key, limit=policy.units, window_millis=policy.window_millis, algorithm=policy.algorithm
        )


@dataclass(frozen=True, slots=True)
class Question:
    """What a request asks: its distinct counters, and for each descriptor the index of its own (None: not limited)."""

    counters: tuple[Counter, ...]
    placed: tuple[int | None, ...]

    @property
    def cost(self) -> int | None:
        """What all counters are to count alike, so that one check decides; None when they differ, when one is only
        looked at, or when one could never hold as much."""
        costs = {counter.hits for counter in self.counters}
        if len(costs) != 1 or 0 in costs or any(each.hits > each.policy.units for each in self.counters):
            return None
        return costs.pop()

    def looks(self) -> list[limit_pb2.Check]:
        """A check for each counter that tells how it stands and counts nothing."""
        return [limit_pb2.Check(limits=[each.limit()], cost=0) for each in self.counters if each.policy.units]

    def counts(self) -> list[limit_pb2.Check]:
        """A check for each cost, on all counters that count as much."""
        costs = sorted({counter.hits for counter in self.counters} - {0})
        return [
            limit_pb2.Check(limits=[each.limit() for each in self.counters if each.hits == cost], cost=cost)
            for cost in costs
        ]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a counter stands: units that still fit, time until more do."""

    remaining: int
    reset_millis: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request is refused, how each counter of the question stands then, and when to come back: 0 when that
    is not known or never."""

    over: bool
    standings: tuple[Standing, ...] = ()
    retry_after_millis: int = 0


def question(request: pb.RateLimitRequest, policies: DescriptorPolicies) -> Question:
    """What the request asks; Fault BAD_REQUEST names every field that breaks a bound.

    Bounds are on what Envoy's config says, never on what a client says in a header field: Envoy lets pass what we
    cannot answer, and no client must be able to have it so.
    """
    faults = list(_faults(request))
    counters: dict[bytes, int] = {}
    found: list[Counter] = []
    placed: list[int | None] = []
    # Bounded even when faulty.
    for index, descriptor in enumerate(request.descriptors[:MAX_DESCRIPTORS]):
        entries = [(entry.key, entry.value) for entry in descriptor.entries]
        policy = _override(descriptor) if descriptor.HasField("limit") else policies.find(entries)
        if policy is None:
            placed.append(None)
            continue
        hits = descriptor.hits_addend.value if descriptor.HasField("hits_addend") else request.hits_addend or 1
        key = counter_key(request.domain, entries)
        place = counters.setdefault(key, len(found))
        if place == len(found):
            found.append(Counter(policy, key, hits))
        elif found[place].policy == policy:
            found[place].hits += hits
        else:
            faults.append(FieldFault(f"descriptors[{index}].limit", "must be that of the other one with these entries"))
        placed.append(place)
    if len(found) > MAX_LIMITS:
        faults.append(FieldFault("descriptors", f"must have at most {MAX_LIMITS} that are limited"))
    if faults:
        raise Fault(reasons.ERROR_REASON_BAD_REQUEST, fields=tuple(faults))
    return Question(tuple(found), tuple(placed))


def counter_key(domain: str, entries: Entries) -> bytes:
    """The key of the counter of these entries: different ones for different entries, however long they are."""
    head = b"envoy.%b:" % domain.encode()
    key = head + b"".join(b"%d:%b" % (len(part), part) for entry in entries for part in entry)
    return key if len(key) <= MAX_KEY_BYTES else head + hashlib.sha256(key).hexdigest().encode()


def decided(asked: Question, decisions: Sequence[limit_pb2.Decision]) -> Verdict:
    """The verdict by the decision on the question's one check and those on its looks, which may be left out where
    there is one counter."""
    first, *looks = decisions
    return Verdict(not first.allowed, _standings(asked, looks or [first]), first.retry_after_millis)


def looked_at(asked: Question, decisions: Sequence[limit_pb2.Decision]) -> Verdict:
    """The verdict by looks alone: over when the question does not fit as things stand."""
    standings = _standings(asked, decisions)
    short = [
        (standing, counter)
        for standing, counter in zip(standings, asked.counters, strict=True)
        if standing.remaining < counter.needs
    ]
    # What could never fit has no time to come back.
    never = any(counter.needs > counter.policy.units for _, counter in short)
    retry = 0 if never else max((standing.reset_millis for standing, _ in short), default=0)
    return Verdict(bool(short), standings, retry)


def answer(asked: Question, verdict: Verdict, request_id: str) -> pb.RateLimitResponse:
    """The answer, with a status for each descriptor and the header fields for the client."""
    code = pb.RateLimitResponse.CODE_OVER_LIMIT if verdict.over else pb.RateLimitResponse.CODE_OK
    response = pb.RateLimitResponse(overall_code=code)
    for place in asked.placed:
        status = response.statuses.add(code=pb.RateLimitResponse.CODE_OK)
        if place is None:
            continue
        counter, standing = asked.counters[place], verdict.standings[place]
        if verdict.over and standing.remaining < counter.needs:
            status.code = pb.RateLimitResponse.CODE_OVER_LIMIT
        status.limit_remaining = standing.remaining
        status.duration_until_reset.FromMilliseconds(standing.reset_millis)
        policy = counter.policy
        status.current_limit.requests_per_unit = policy.units
        status.current_limit.name = policy.name
        status.current_limit.unit = _UNITS.get(policy.window_millis, pb.RATE_LIMIT_UNIT_UNSPECIFIED)
    for name, value in _fields(asked, verdict):
        response.response_headers_to_add.add(key=name, value=value)
    if verdict.over:
        names = list(dict.fromkeys(counter.policy.name for counter, _ in _telling(asked, verdict)))
        members: dict[str, Any] = {"violated-policies": names}
        body = problem(reasons.ERROR_REASON_RATE_LIMITED, request_id=request_id, **members)
        response.raw_body = orjson.dumps(body)
    return response


def _fields(asked: Question, verdict: Verdict) -> Iterator[tuple[str, str]]:
    if not asked.counters:
        return
    policies = dict.fromkeys(counter.policy for counter in asked.counters)
    items = [policy_item(sf_string(each.name), each.units, each.window_millis) for each in policies]
    yield "RateLimit-Policy", b", ".join(items).decode()
    # The refusing one that takes longest, else the one with the least left.
    by = (lambda pair: -pair[1].reset_millis) if verdict.over else (lambda pair: pair[1].remaining)
    counter, standing = min(_telling(asked, verdict), key=by)
    state = state_item(sf_string(counter.policy.name), standing.remaining, standing.reset_millis)
    yield "RateLimit", state.decode()
    if verdict.over:
        yield "Content-Type", "application/problem+json"
        if verdict.retry_after_millis:
            yield "Retry-After", str(seconds(verdict.retry_after_millis))


def _telling(asked: Question, verdict: Verdict) -> list[tuple[Counter, Standing]]:
    """The counters that say why the verdict is what it is: those that refuse, or all."""
    pairs = list(zip(asked.counters, verdict.standings, strict=True))
    return [pair for pair in pairs if verdict.over and pair[1].remaining < pair[0].needs] or pairs


def _standings(asked: Question, decisions: Sequence[limit_pb2.Decision]) -> tuple[Standing, ...]:
    """In the order of the counters; `decisions` are those of the counters whose policies allow anything."""
    told = iter(decisions)

    def standing(counter: Counter) -> Standing:
        if not counter.policy.units:
            return Standing(0, 0)
        decision = next(told)
        return Standing(decision.remaining, decision.reset_millis)

    return tuple(map(standing, asked.counters))


def _override(descriptor: pb.RateLimitDescriptor) -> Policy:
    limit = descriptor.limit
    name = default_name(entry.key for entry in descriptor.entries)
    return Policy(name, limit.requests_per_unit, _WINDOW_MILLIS.get(limit.unit, 1))


def _faults(request: pb.RateLimitRequest) -> Iterator[FieldFault]:
    if _DOMAIN.fullmatch(request.domain) is None:
        yield FieldFault("domain", "must be 1–128 characters of [A-Za-z0-9._/@-]")
    if not 1 <= len(request.descriptors) <= MAX_DESCRIPTORS:
        yield FieldFault("descriptors", f"must be 1–{MAX_DESCRIPTORS}")
    for index, descriptor in enumerate(request.descriptors[:MAX_DESCRIPTORS]):
        path = f"descriptors[{index}]"
        if len(descriptor.entries) > MAX_ENTRIES:
            yield FieldFault(f"{path}.entries", f"must be at most {MAX_ENTRIES}")
        if descriptor.HasField("limit"):
            if descriptor.limit.requests_per_unit > MAX_UNITS:
                yield FieldFault(f"{path}.limit.requests_per_unit", f"must be at most {MAX_UNITS}")
            if descriptor.limit.unit not in _WINDOW_MILLIS:
                yield FieldFault(f"{path}.limit.unit", "is not known")
