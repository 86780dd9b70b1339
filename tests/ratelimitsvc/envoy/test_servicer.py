"""ShouldRateLimit over a real channel, on a real Redis."""

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from penstock.envoy.v3 import rate_limit_pb2 as pb
from penstock.errors.v1 import error_reason_pb2 as reasons

from ratelimitsvc.envoy.policies import DescriptorPolicies
from svckit.errors import from_rpc_error

from .documents import descriptor, limited
from .serving import Served, serving_envoy

OK, OVER = pb.RateLimitResponse.CODE_OK, pb.RateLimitResponse.CODE_OVER_LIMIT
POLICIES = DescriptorPolicies([limited("a", requests=3), limited("b", requests=1), limited("big", requests=100)])


@pytest.fixture
async def served(short_dir: Path, valkey: str) -> AsyncIterator[Served]:
    async with serving_envoy(short_dir, valkey, POLICIES) as one:
        yield one


def codes(response: pb.RateLimitResponse) -> list[int]:
    return [response.overall_code, *(each.code for each in response.statuses)]


async def test_requests_are_counted_until_the_limit(served: Served) -> None:
    answers = [await served.ask(descriptor("a=1")) for _ in range(4)]
    assert [each.overall_code for each in answers] == [OK, OK, OK, OVER]
    assert [each.statuses[0].limit_remaining for each in answers] == [2, 1, 0, 0]
    assert 59 <= answers[3].statuses[0].duration_until_reset.seconds <= 60
    assert b"RATE_LIMITED" in answers[3].raw_body


async def test_each_value_and_each_domain_has_a_counter_of_its_own(served: Served) -> None:
    for value, domain in (("1", "acme"), ("2", "acme"), ("1", "other")):
        answer = await served.ask(descriptor(f"b={value}"), domain=domain)
        assert answer.overall_code == OK


async def test_what_one_descriptor_refuses_no_other_counts(served: Served) -> None:
    first = await served.ask(descriptor("a=1"), descriptor("b=1"))
    refused = await served.ask(descriptor("a=1"), descriptor("b=1"), descriptor("x=1"))
    assert (codes(first), codes(refused)) == ([OK, OK, OK], [OVER, OK, OVER, OK])
    assert [each.limit_remaining for each in refused.statuses] == [2, 0, 0]
    alone = await served.ask(descriptor("a=1"))
    assert alone.statuses[0].limit_remaining == 1


async def test_hits_are_counted_and_those_above_the_limit_never_fit(served: Served) -> None:
    assert (await served.ask(descriptor("a=1"), hits=2)).statuses[0].limit_remaining == 1
    assert (await served.ask(descriptor("a=1"), hits=2)).overall_code == OVER
    never = await served.ask(descriptor("a=2"), hits=4)
    assert (never.overall_code, never.statuses[0].limit_remaining) == (OVER, 3)
    assert "Retry-After" not in {each.key for each in never.response_headers_to_add}


async def test_a_look_counts_nothing_and_says_whether_anything_is_left(served: Served) -> None:
    for _ in range(2):
        look = await served.ask(descriptor("b=1", hits=0))
        assert (look.overall_code, look.statuses[0].limit_remaining) == (OK, 1)
    await served.ask(descriptor("b=1"))
    assert (await served.ask(descriptor("b=1", hits=0))).overall_code == OVER


async def test_costs_that_differ_are_each_counted_or_not_at_all(served: Served) -> None:
    both = await served.ask(descriptor("a=1", hits=2), descriptor("big=1", hits=7), descriptor("b=1", hits=0))
    assert [each.limit_remaining for each in both.statuses] == [1, 93, 1]
    refused = await served.ask(descriptor("a=1", hits=2), descriptor("big=1", hits=7))
    assert codes(refused) == [OVER, OVER, OK]
    assert [each.limit_remaining for each in refused.statuses] == [1, 93]


async def test_the_requests_own_limit_wins(served: Served) -> None:
    own = descriptor("b=1", limit=(2, pb.RATE_LIMIT_UNIT_HOUR))
    answers = [await served.ask(own) for _ in range(3)]
    assert [each.overall_code for each in answers] == [OK, OK, OVER]
    assert answers[0].statuses[0].current_limit.unit == pb.RATE_LIMIT_UNIT_HOUR


async def test_a_limit_of_nothing_refuses_all(served: Served) -> None:
    answer = await served.ask(descriptor("x=1", limit=(0, pb.RATE_LIMIT_UNIT_SECOND)))
    assert (codes(answer), answer.statuses[0].limit_remaining) == ([OVER, OVER], 0)


async def test_unknown_descriptors_are_not_limited(served: Served) -> None:
    answer = await served.ask(descriptor("x=1"), descriptor("y=1"))
    assert codes(answer) == [OK, OK, OK]
    assert list(answer.response_headers_to_add) == []


async def test_a_malformed_request_is_refused_with_its_fields(served: Served) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await served.ask(domain="")
    fault = from_rpc_error(refused.value)
    assert fault.reason == reasons.ERROR_REASON_BAD_REQUEST
    assert [each.path for each in fault.fields] == ["domain", "descriptors"]


async def test_redis_out_of_reach_is_an_error_and_no_refusal(short_dir: Path) -> None:
    async with serving_envoy(short_dir, "unix:///nonexistent", POLICIES, connected=False) as served:
        for hits in (None, 0):
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await served.ask(descriptor("a=1", hits=hits))
            assert failed.value.code() is grpc.StatusCode.UNAVAILABLE
            assert from_rpc_error(failed.value).reason == reasons.ERROR_REASON_LIMIT_UNAVAILABLE
        assert served.registry.get_sample_value("ratelimit_decisions_total", {"outcome": "refused"}) == 0


async def test_a_request_is_one_decision_whatever_it_asks(served: Served) -> None:
    await served.ask(descriptor("a=1"), descriptor("b=1"))
    await served.ask(descriptor("a=1"), descriptor("b=1"))
    counted = {
        outcome: served.registry.get_sample_value("ratelimit_decisions_total", {"outcome": outcome})
        for outcome in ("admitted", "refused")
    }
    assert counted == {"admitted": 1, "refused": 1}
