"""Four clients on one counter: what they were told, judged afterwards by an oracle that can fail."""

import asyncio
import random
from collections.abc import Iterator

import pytest
from penstock.ratelimit.v1 import limit_pb2 as pb
from penstock.ratelimit.v1 import rate_limit_service_pb2 as service_pb

from ratelimitsvc.batch import Layout, WindowStore, add_decisions, decided_at, packed
from ratelimitsvc.counters import Counters, script
from ratelimitsvc.redis_pipe import RedisPipe
from tests.ratelimitsvc.history import Event, Verdict, judge

LIMIT, WINDOW_MILLIS = 100, 100
WINDOW = WINDOW_MILLIS * 1_000
WINDOWS = 12
CLIENTS = 4


async def client(url: str, algorithm: pb.Algorithm.ValueType, layout: Layout, seed: int) -> list[Event]:
    """One client with a connection of its own: bursts and pauses, until so many windows have passed in Redis."""
    chance, history, text = random.Random(seed), list[Event](), script()  # noqa: S311
    limit = pb.Limit(key=b"k", limit=LIMIT, window_millis=WINDOW_MILLIS, algorithm=algorithm)
    pipe = RedisPipe(url, opening=("SCRIPT", "LOAD", text), silence_seconds=20, unit=lambda: 0.0)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(pipe.run())
        await pipe.connected.wait()
        counters = Counters(pipe, text)
        while not history or history[-1].at - history[0].at < WINDOWS * WINDOW:
            answer = await counters.decide(packed([pb.Check(limits=[limit])] * chance.randint(1, 20), layout))
            response = service_pb.CheckBatchResponse()
            add_decisions(answer, response)
            history += (Event(decided_at(answer), each.allowed) for each in response.decisions)
            if chance.random() < 0.2:
                # A pause of the load, not a wait for anything: it moves the bursts against the windows.
                await asyncio.sleep(chance.random() * WINDOW_MILLIS / 2_000)
        running.cancel()
    return history


async def recorded(url: str, algorithm: pb.Algorithm.ValueType, layout: Layout) -> list[Event]:
    histories = await asyncio.gather(*(client(url, algorithm, layout, seed) for seed in range(CLIENTS)))
    return [event for history in histories for event in history]


async def test_never_more_than_the_limit_in_any_window_and_no_refusal_without_a_reason(
    valkey: str, store: WindowStore
) -> None:
    history = await recorded(valkey, pb.ALGORITHM_SLIDING_WINDOW, Layout(store))
    assert judge(history, LIMIT, WINDOW) == Verdict(worst_window=LIMIT, false_refusals=0)
    admitted = sum(event.allowed for event in history)
    assert 2 * LIMIT <= admitted < len(history), "the load must fill several windows, and be refused"


async def test_sub_windows_never_admit_more_than_the_limit_in_any_window(valkey: str) -> None:
    history = await recorded(valkey, pb.ALGORITHM_SLIDING_WINDOW, Layout(exact_up_to=LIMIT - 1))
    assert judge(history, LIMIT, WINDOW).worst_window <= LIMIT
    admitted = sum(event.allowed for event in history)
    assert 2 * LIMIT <= admitted < len(history), "the load must fill several windows, and be refused"


async def test_the_oracle_catches_a_counter_that_is_no_window(valkey: str) -> None:
    """The token bucket admits a burst and refills meanwhile: twice the limit in a window, by design."""
    assert judge(await recorded(valkey, pb.ALGORITHM_TOKEN_BUCKET, Layout()), LIMIT, WINDOW).worst_window > LIMIT


def fixed_windows(times: Iterator[int]) -> Iterator[Event]:
    """The naive algorithm: a count that starts anew with each window of the clock."""
    window, count = -1, 0
    for at in times:
        window, count = (window, count) if at // WINDOW == window else (at // WINDOW, 0)
        count += 1
        yield Event(at, count <= LIMIT)


def test_the_oracle_catches_the_burst_at_the_edge_of_a_fixed_window() -> None:
    edge = 5 * WINDOW
    burst = (edge + offset for offset in range(-LIMIT, LIMIT))
    assert judge(fixed_windows(burst), LIMIT, WINDOW).worst_window == 2 * LIMIT


@pytest.mark.parametrize(("refused_at", "false"), [(WINDOW - 1, 0), (WINDOW, 1)], ids=["in time", "too late"])
def test_the_oracle_catches_a_refusal_without_a_reason(refused_at: int, false: int) -> None:
    history = [*(Event(0, True) for _ in range(LIMIT)), Event(refused_at, False)]
    assert judge(history, LIMIT, WINDOW) == Verdict(LIMIT, false)
