"""Four clients on one counter: what they were told, judged afterwards by an oracle that can fail."""

import asyncio
import random
from collections.abc import Iterator

import pytest
from penstock.ratelimit.v1 import limit_pb2 as pb
from penstock.ratelimit.v1 import rate_limit_service_pb2 as service_pb

from domain.limits import Limit
from ratelimitsvc.batch import Layout, WindowStore, add_decisions, decided_at, packed
from ratelimitsvc.wiring import open_store
from tests.ratelimitsvc.conftest import SERVERS
from tests.ratelimitsvc.history import EXACT, Event, Verdict, judge

UNITS, WINDOW_MILLIS = 100, 100
WINDOW = WINDOW_MILLIS * 1_000
LIMIT = (Limit(b"k", UNITS, WINDOW),)
WINDOWS = 12
CLIENTS = 4
on_every_server = pytest.mark.parametrize("server_url", SERVERS, indirect=True)


async def client(url: str, algorithm: pb.Algorithm.ValueType, layout: Layout, seed: int) -> list[Event]:
    """One client with a connection of its own: bursts and pauses, until so many windows have passed in Redis."""
    chance, history = random.Random(seed), list[Event]()  # noqa: S311
    limit = pb.Limit(key=b"k", limit=UNITS, window_millis=WINDOW_MILLIS, algorithm=algorithm)
    store = open_store(url, silence_seconds=20, unit=lambda: 0.0)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(store.redis.run())
        await store.redis.connected.wait()
        while not history or history[-1].at - history[0].at < WINDOWS * WINDOW:
            answer = await store.counters.decide(packed([pb.Check(limits=[limit])] * chance.randint(1, 20), layout))
            response = service_pb.CheckBatchResponse()
            add_decisions(answer, response)
            assert not response.undecided
            history += (
                Event(decided_at(answer), LIMIT, 1, each.allowed, each.retry_after_millis)
                for each in response.decisions
            )
            if chance.random() < 0.2:
                # A pause of the load, not a wait for anything: it moves the bursts against the windows.
                await asyncio.sleep(chance.random() * WINDOW_MILLIS / 2_000)
        running.cancel()
    return history


async def recorded(url: str, algorithm: pb.Algorithm.ValueType, layout: Layout) -> list[Event]:
    """What all clients were told, in the order of the decisions: no two calls of the script are at one time."""
    histories = await asyncio.gather(*(client(url, algorithm, layout, seed) for seed in range(CLIENTS)))
    return sorted((event for history in histories for event in history), key=lambda event: event.at)


@on_every_server
async def test_never_more_than_the_limit_in_any_window_and_no_refusal_without_a_reason(
    server_url: str, store: WindowStore
) -> None:
    history = await recorded(server_url, pb.ALGORITHM_SLIDING_WINDOW, Layout(store))
    assert judge(history) == EXACT
    admitted = sum(event.allowed for event in history)
    assert 2 * UNITS <= admitted < len(history), "the load must fill several windows, and be refused"


async def test_sub_windows_never_admit_more_than_the_limit_in_any_window(valkey: str) -> None:
    history = await recorded(valkey, pb.ALGORITHM_SLIDING_WINDOW, Layout(exact_up_to=UNITS - 1))
    assert judge(history).excess <= 0
    admitted = sum(event.allowed for event in history)
    assert 2 * UNITS <= admitted < len(history), "the load must fill several windows, and be refused"


async def test_the_oracle_catches_a_counter_that_is_no_window(valkey: str) -> None:
    """The token bucket admits a burst and refills meanwhile: twice the limit in a window, by design."""
    assert judge(await recorded(valkey, pb.ALGORITHM_TOKEN_BUCKET, Layout())).excess > 0


def fixed_windows(times: Iterator[int]) -> Iterator[Event]:
    """The naive algorithm: a count that starts anew with each window of the clock."""
    window, count = -1, 0
    for at in times:
        window, count = (window, count) if at // WINDOW == window else (at // WINDOW, 0)
        count += 1
        yield Event(at, LIMIT, 1, count <= UNITS)


def test_the_oracle_catches_the_burst_at_the_edge_of_a_fixed_window() -> None:
    edge = 5 * WINDOW
    burst = (edge + offset for offset in range(-UNITS, UNITS))
    assert judge(fixed_windows(burst)).excess == UNITS


@pytest.mark.parametrize(("refused_at", "false"), [(WINDOW - 1, 0), (WINDOW, 1)], ids=["in time", "too late"])
def test_the_oracle_catches_a_refusal_without_a_reason(refused_at: int, false: int) -> None:
    history = [*(Event(0, LIMIT, 1, True) for _ in range(UNITS)), Event(refused_at, LIMIT, 1, False)]
    assert judge(history) == Verdict(excess=0, false_refusals=false, wrong_waits=0)


@pytest.mark.parametrize(("told", "wrong"), [(99, 0), (98, 1), (100, 1)])
def test_the_oracle_catches_a_wait_that_is_off_by_a_millisecond(told: int, wrong: int) -> None:
    """Three units fill the limit; a cost of two fits when the first two have left, 98.5 ms after the refusal."""
    limit = (Limit(b"k", 3, WINDOW),)
    history = [
        Event(0, limit, 1, True),
        Event(500, limit, 2, True),
        Event(2_000, limit, 2, False, told),
    ]
    assert judge(history) == Verdict(excess=0, false_refusals=0, wrong_waits=wrong)


def test_a_request_of_several_limits_has_to_fit_each_of_them() -> None:
    wide, narrow = Limit(b"wide", 9, WINDOW), Limit(b"narrow", 1, WINDOW)
    history = [
        Event(0, (wide, narrow), 1, True),
        Event(1_000, (wide, narrow), 1, False, 99),
        Event(1_000, (wide,), 8, True),
        Event(2_000, (wide,), 9, False, 99),
    ]
    assert judge(history) == EXACT


def test_a_limit_that_changes_holds_with_all_that_was_admitted_before() -> None:
    small, large = (Limit(b"k", 1, WINDOW),), (Limit(b"k", 2, WINDOW),)
    history = [Event(0, large, 2, True), Event(1, small, 1, False, 100), Event(WINDOW, small, 1, True)]
    assert judge(history) == EXACT
    assert judge([*history, Event(WINDOW + 1, small, 1, True)]).excess == 1
