"""A request of Envoy's to what is asked, and what was decided to its answer."""

import orjson
import pytest
from google.protobuf.duration_pb2 import Duration
from penstock.envoy.v3 import rate_limit_pb2 as pb
from penstock.ratelimit.v1 import limit_pb2

from ratelimitsvc.batch import MAX_KEY_BYTES, Layout, packed
from ratelimitsvc.envoy.mapping import (
    Counter,
    Question,
    Standing,
    Verdict,
    answer,
    counter_key,
    decided,
    looked_at,
    question,
)
from ratelimitsvc.envoy.policies import DescriptorPolicies, Policy
from svckit.errors import Fault

from .documents import descriptor, entries, limited

OK, OVER = pb.RateLimitResponse.CODE_OK, pb.RateLimitResponse.CODE_OVER_LIMIT
MINUTE = pb.RATE_LIMIT_UNIT_MINUTE
POLICIES = DescriptorPolicies([limited("a", name="per-a"), limited("b", requests=9, seconds=10, name="per-b")])
FIVE = Policy("five", 5, 60_000)
NINE = Policy("nine", 9, 10_000)


def asked(*descriptors: pb.RateLimitDescriptor, hits: int = 0, domain: str = "acme") -> Question:
    return question(pb.RateLimitRequest(domain=domain, descriptors=descriptors, hits_addend=hits), POLICIES)


def faults(request: pb.RateLimitRequest) -> list[str]:
    with pytest.raises(Fault) as refused:
        question(request, POLICIES)
    return [each.path for each in refused.value.fields]


# -- what is asked ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_hits", "own_hits", "hits"),
    [
        pytest.param(0, None, 1, id="none at all is one"),
        pytest.param(3, None, 3, id="the request's"),
        pytest.param(3, 2, 2, id="the descriptor's own wins"),
        pytest.param(3, 0, 0, id="the descriptor's own 0 only looks"),
        pytest.param(0, 4, 4, id="the descriptor's own alone"),
    ],
)
def test_hits(request_hits: int, own_hits: int | None, hits: int) -> None:
    (counter,) = asked(descriptor("a=1", hits=own_hits), hits=request_hits).counters
    assert counter.hits == hits


@pytest.mark.parametrize(
    ("unit", "millis"),
    [
        (pb.RATE_LIMIT_UNIT_SECOND, 1_000),
        (pb.RATE_LIMIT_UNIT_MINUTE, 60_000),
        (pb.RATE_LIMIT_UNIT_HOUR, 3_600_000),
        (pb.RATE_LIMIT_UNIT_DAY, 86_400_000),
        (pb.RATE_LIMIT_UNIT_WEEK, 7 * 86_400_000),
        (pb.RATE_LIMIT_UNIT_MONTH, 30 * 86_400_000),
        (pb.RATE_LIMIT_UNIT_YEAR, 365 * 86_400_000),
    ],
)
@pytest.mark.parametrize("key", ["a", "unknown"])
def test_the_requests_own_limit_wins(key: str, unit: "pb.RateLimitUnit.ValueType", millis: int) -> None:
    (counter,) = asked(descriptor(f"{key}=1", limit=(7, unit))).counters
    assert (counter.policy.name, counter.policy.units, counter.policy.window_millis) == (key, 7, millis)


def test_descriptors_keep_their_places_and_unknown_ones_are_not_limited() -> None:
    found = asked(descriptor("x=1"), descriptor("b=1"), descriptor("y=1"), descriptor("a=1"))
    assert found.placed == (None, 0, None, 1)
    assert [counter.policy.name for counter in found.counters] == ["per-b", "per-a"]


def test_equal_descriptors_are_one_counter_that_counts_both() -> None:
    found = asked(descriptor("a=1"), descriptor("a=1", hits=3))
    assert found.placed == (0, 0)
    assert [counter.hits for counter in found.counters] == [4]


@pytest.mark.parametrize(
    ("request_", "paths"),
    [
        pytest.param(pb.RateLimitRequest(descriptors=[descriptor("a=1")]), ["domain"], id="no domain"),
        pytest.param(pb.RateLimitRequest(domain="a:b", descriptors=[descriptor("a=1")]), ["domain"], id="a colon"),
        pytest.param(pb.RateLimitRequest(domain="d" * 129, descriptors=[descriptor("a=1")]), ["domain"], id="long"),
        pytest.param(pb.RateLimitRequest(domain="d"), ["descriptors"], id="no descriptor"),
        pytest.param(
            pb.RateLimitRequest(domain="d", descriptors=[descriptor("x=1")] * 65), ["descriptors"], id="too many"
        ),
        pytest.param(
            pb.RateLimitRequest(domain="d", descriptors=[descriptor(f"a={n}") for n in range(9)]),
            ["descriptors"],
            id="too many that are limited",
        ),
        pytest.param(
            pb.RateLimitRequest(domain="d", descriptors=[descriptor("x=1"), descriptor(*["a=1"] * 17)]),
            ["descriptors[1].entries"],
            id="too many entries",
        ),
        pytest.param(
            pb.RateLimitRequest(domain="d", descriptors=[descriptor("a=1", limit=(1_000_001, MINUTE))]),
            ["descriptors[0].limit.requests_per_unit"],
            id="too large a limit",
        ),
        pytest.param(
            pb.RateLimitRequest(domain="d", descriptors=[descriptor("a=1", limit=(5, pb.RATE_LIMIT_UNIT_UNSPECIFIED))]),
            ["descriptors[0].limit.unit"],
            id="no unit",
        ),
        pytest.param(
            pb.RateLimitRequest(domain="d", descriptors=[descriptor("a=1"), descriptor("a=1", limit=(7, MINUTE))]),
            ["descriptors[1].limit"],
            id="two limits on one counter",
        ),
    ],
)
def test_what_breaks_a_bound_is_named(request_: pb.RateLimitRequest, paths: list[str]) -> None:
    assert faults(request_) == paths


@pytest.mark.parametrize("value", ["", "v" * 100_000, "{}", "a:b"], ids=["empty", "long", "braces", "colon"])
def test_no_value_of_a_client_is_out_of_bounds(value: str) -> None:
    found = asked(descriptor(f"a={value}"))
    assert packed(found.counts(), Layout()).checks == 1


def test_octets_that_are_not_text_are_a_value() -> None:
    raw = pb.RateLimitDescriptor(entries=[pb.RateLimitDescriptor.Entry(key=b"a", value=b"\xff\x00")])
    (counter,) = asked(raw).counters
    assert counter.key == b"envoy.acme:1:a2:\xff\x00"


def test_a_long_key_stands_by_its_digest_behind_its_domain() -> None:
    one, other = (counter_key("d" * 128, entries("a=" + "v" * 300 + tail)) for tail in "xy")
    assert one != other
    assert len(one) <= MAX_KEY_BYTES
    assert one.startswith(b"envoy." + b"d" * 128 + b":")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["a=1", "b=2"], ["a=12:b", "1=2"]),
        (["ab=c"], ["a=bc"]),
        (["a=1", "b=2"], ["b=2", "a=1"]),
        (["a="], []),
    ],
)
def test_different_entries_have_different_counters(one: list[str], other: list[str]) -> None:
    assert counter_key("d", entries(*one)) != counter_key("d", entries(*other))


# -- the checks ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hits", "cost"),
    [
        pytest.param([2, 2], 2, id="equal costs are one check"),
        pytest.param([1, 2], None, id="costs that differ are not"),
        pytest.param([0, 0], None, id="nor is a mere look"),
        pytest.param([9, 9], None, id="nor what never fits"),
    ],
)
def test_one_check_decides_where_it_can(hits: list[int], cost: int | None) -> None:
    counters = (Counter(FIVE, b"5", hits[0]), Counter(NINE, b"9", hits[1]))
    assert Question(counters, (0, 1)).cost == cost


def test_each_cost_has_a_check_and_each_counter_a_look() -> None:
    counters = tuple(Counter(FIVE, b"%d" % number, hits) for number, hits in enumerate([2, 1, 0, 2]))
    found = Question(counters, (0, 1, 2, 3))
    counts = [(check.cost, [limit.key for limit in check.limits]) for check in found.counts()]
    assert counts == [(1, [b"1"]), (2, [b"0", b"3"])]
    looks = [(check.cost, [limit.key for limit in check.limits]) for check in found.looks()]
    assert looks == [(0, [b"0"]), (0, [b"1"]), (0, [b"2"]), (0, [b"3"])]


def test_a_limit_of_nothing_is_not_asked_about() -> None:
    found = Question((Counter(Policy("none", 0, 1_000), b"k", 1), Counter(FIVE, b"5", 1)), (0, 1))
    assert [check.limits[0].key for check in found.looks()] == [b"5"]


# -- the verdict -----------------------------------------------------------------------------------------------------


def test_the_check_decides_and_the_looks_tell_how_each_counter_stands() -> None:
    found = Question((Counter(FIVE, b"5", 1), Counter(NINE, b"9", 1)), (0, 1))
    decisions = [
        limit_pb2.Decision(binding=1, retry_after_millis=2_500),
        limit_pb2.Decision(allowed=True, remaining=3, reset_millis=50),
        limit_pb2.Decision(allowed=True, remaining=0, reset_millis=2_500),
    ]
    assert decided(found, decisions) == Verdict(True, (Standing(3, 50), Standing(0, 2_500)), 2_500)


def test_the_check_of_one_counter_tells_how_it_stands() -> None:
    found = Question((Counter(FIVE, b"5", 1),), (0,))
    decisions = [limit_pb2.Decision(allowed=True, remaining=4, reset_millis=60_000)]
    assert decided(found, decisions) == Verdict(False, (Standing(4, 60_000),))


@pytest.mark.parametrize(
    ("hits", "remaining", "over"),
    [
        pytest.param(0, 1, False, id="a look where something is left"),
        pytest.param(0, 0, True, id="a look where nothing is left"),
        pytest.param(2, 2, False, id="it just fits"),
        pytest.param(3, 2, True, id="it does not fit"),
    ],
)
def test_a_look_says_whether_it_would_fit(hits: int, remaining: int, over: bool) -> None:
    found = Question((Counter(FIVE, b"5", hits),), (0,))
    verdict = looked_at(found, [limit_pb2.Decision(allowed=True, remaining=remaining, reset_millis=700)])
    assert verdict == Verdict(over, (Standing(remaining, 700),), 700 if over else 0)


@pytest.mark.parametrize(
    "counter",
    [Counter(FIVE, b"5", 6), Counter(Policy("none", 0, 1_000), b"k", 1)],
    ids=["more than the limit", "a limit of nothing"],
)
def test_what_never_fits_is_over_without_a_time_to_come_back(counter: Counter) -> None:
    look = [limit_pb2.Decision(allowed=True, remaining=5, reset_millis=0)] if counter.policy.units else []
    verdict = looked_at(Question((counter,), (0,)), look)
    assert (verdict.over, verdict.retry_after_millis) == (True, 0)


# -- the answer ------------------------------------------------------------------------------------------------------


TWO = Question((Counter(FIVE, b"5", 1), Counter(NINE, b"9", 1)), (1, None, 0))


def fields(response: pb.RateLimitResponse) -> dict[str, str]:
    return {each.key: each.value for each in response.response_headers_to_add}


def test_an_admitted_request_is_told_all_policies_and_the_one_with_the_least_left() -> None:
    response = answer(TWO, Verdict(False, (Standing(4, 60_000), Standing(1, 1_001))), "id")
    assert response.overall_code == OK
    assert [each.code for each in response.statuses] == [OK, OK, OK]
    assert [each.limit_remaining for each in response.statuses] == [1, 0, 4]
    assert fields(response) == {
        "RateLimit-Policy": '"five";q=5;w=60, "nine";q=9;w=10',
        "RateLimit": '"nine";r=1;t=2',
    }
    assert response.raw_body == b""


def test_a_refused_request_is_told_which_limit_and_when_to_come_back() -> None:
    response = answer(TWO, Verdict(True, (Standing(0, 30_001), Standing(7, 900)), 30_001), "id")
    assert response.overall_code == OVER
    assert [each.code for each in response.statuses] == [OK, OK, OVER]
    assert fields(response) == {
        "RateLimit-Policy": '"five";q=5;w=60, "nine";q=9;w=10',
        "RateLimit": '"five";r=0;t=31',
        "Content-Type": "application/problem+json",
        "Retry-After": "31",
    }
    body = orjson.loads(response.raw_body)
    assert (body["status"], body["code"], body["request_id"]) == (429, "RATE_LIMITED", "id")
    assert body["violated-policies"] == ["five"]


def test_statuses_describe_the_limits() -> None:
    nine, none, five = answer(TWO, Verdict(False, (Standing(4, 60_000), Standing(1, 1_500))), "id").statuses
    assert not none.HasField("current_limit")
    assert five.current_limit == pb.RateLimitResponse.RateLimit(requests_per_unit=5, unit=MINUTE, name="five")
    assert nine.current_limit == pb.RateLimitResponse.RateLimit(requests_per_unit=9, name="nine")
    assert nine.duration_until_reset == Duration(seconds=1, nanos=500_000_000)


def test_a_request_that_nothing_limits_has_no_fields() -> None:
    response = answer(Question((), (None, None)), Verdict(False), "id")
    assert [each.code for each in response.statuses] == [OK, OK]
    assert fields(response) == {}


def test_never_has_no_retry_after() -> None:
    response = answer(TWO, Verdict(True, (Standing(0, 0), Standing(7, 900))), "id")
    assert "Retry-After" not in fields(response)


def test_the_refusing_limit_that_takes_longest_is_told() -> None:
    response = answer(TWO, Verdict(True, (Standing(0, 100), Standing(0, 9_000)), 9_000), "id")
    assert fields(response)["RateLimit"] == '"nine";r=0;t=9'
    assert orjson.loads(response.raw_body)["violated-policies"] == ["five", "nine"]
