"""Batches: what goes together, what is under way, what is given up."""

import asyncio

from penstock.ratelimit.v1 import limit_pb2 as pb
from penstock.ratelimit.v1 import rate_limit_service_pb2 as service_pb

from edge.limits.pump import MAX_CHECKS, MAX_IN_FLIGHT, Lost, Outcome, Pump
from tests.edge.limits.conftest import limit_set


def add(pump: Pump, caller: str = "alice") -> "asyncio.Future[Outcome]":
    future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    pump.add(future, limit_set(caller=caller), 1)
    return future


def sent(pump: Pump) -> service_pb.StreamChecksRequest:
    return service_pb.StreamChecksRequest.FromString(pump.next_batch())


async def test_all_that_waits_goes_in_one_batch_in_its_order() -> None:
    pump = Pump()
    for caller in ("a", "b", "c"):
        add(pump, caller)
    assert [check.limits[0].key[-1:] for check in sent(pump).checks] == [b"a", b"b", b"c"]
    assert not pump.ready


async def test_a_batch_has_no_more_checks_than_the_contract_allows() -> None:
    pump = Pump()
    for _ in range(MAX_CHECKS + 1):
        add(pump)
    assert [len(sent(pump).checks), len(sent(pump).checks)] == [MAX_CHECKS, 1]


async def test_further_batches_wait_while_as_many_are_under_way() -> None:
    pump = Pump()
    for _ in range(MAX_IN_FLIGHT):
        add(pump)
        first = sent(pump).batch_id
    add(pump)
    assert not pump.ready
    pump.settle(first, [pb.Decision()])
    assert pump.ready


async def test_decisions_reach_their_requests_whatever_batch_is_answered_first() -> None:
    pump = Pump()
    one, first = add(pump), sent(pump).batch_id
    two, second = add(pump), sent(pump).batch_id
    assert pump.settle(second, [pb.Decision(remaining=2)])
    assert pump.settle(first, [pb.Decision(remaining=1)])
    assert (await one, await two) == (pb.Decision(remaining=1), pb.Decision(remaining=2))


async def test_a_late_answer_is_discarded() -> None:
    pump = Pump()
    future, batch_id = add(pump), sent(pump).batch_id
    waiting = add(pump)
    pump.lose_all("silence")
    assert (await future, await waiting) == (Lost("silence"), Lost("silence"))
    assert not pump.settle(batch_id, [pb.Decision()])
    assert not pump.lose(batch_id, "counters")


async def test_a_request_that_has_ended_is_passed_over() -> None:
    pump = Pump()
    gone, there = add(pump), add(pump)
    gone.cancel()
    assert pump.settle(sent(pump).batch_id, [pb.Decision(), pb.Decision(remaining=1)])
    assert await there == pb.Decision(remaining=1)


async def test_what_the_service_could_not_decide_is_lost_and_the_rest_is_not() -> None:
    pump = Pump()
    first, second, third = add(pump), add(pump), add(pump)
    assert pump.settle(sent(pump).batch_id, [pb.Decision(remaining=1), pb.Decision(), pb.Decision(remaining=3)], [1, 9])
    assert (await first, await second, await third) == (
        pb.Decision(remaining=1),
        Lost("counters"),
        pb.Decision(remaining=3),
    )


async def test_an_answer_that_is_not_one_per_check_gives_the_batch_up() -> None:
    pump = Pump()
    future = add(pump)
    assert not pump.settle(sent(pump).batch_id, [])
    assert await future == Lost("rejected")
