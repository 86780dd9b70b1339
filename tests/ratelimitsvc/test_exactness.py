"""Four client processes, ratelimitsvc and a server as processes, and an oracle that sees all that they were told."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest

from domain.limits import Limit
from tests.ratelimitsvc.conftest import SERVERS, Check, Deciding, installed
from tests.ratelimitsvc.history import EXACT, Event, Verdict, judge
from tests.ratelimitsvc.load import ALL, CHANGING, COSTLY, OWN, PAUSING, STEADY, clients, load, of
from tests.ratelimitsvc.processes import RateLimitProcess, rate_limit_process
from tests.ratelimitsvc.relay import HOST, Relay, relay
from tests.ratelimitsvc.servers import Node, run_node, until

MILLI, SECOND = 1_000, 1_000_000
START = 1_700_000_000 * SECOND


@asynccontextmanager
async def served(short_dir: Path, wire: Relay) -> AsyncIterator[RateLimitProcess]:
    """The service behind the wire. A loaded machine is no outage: turns and answers may take long."""
    patient = {"PENSTOCK_REDIS_TIMEOUT_SECONDS": "10", "PENSTOCK_QUEUE_SECONDS": "10"}
    async with rate_limit_process(short_dir, f"redis://{HOST}:{wire.port}", **patient) as service:
        await service.serving()
        yield service


def passed(wire: Relay) -> int:
    """Microseconds of the server's clock between the first call of the script and the last."""
    times = [call.at for call in wire.calls if call.at is not None]
    return times[-1] - times[0] if times else 0


async def test_no_window_has_more_than_its_limit_no_refusal_is_without_reason_and_no_wait_is_wrong(
    short_dir: Path,
) -> None:
    async with (
        run_node(installed("valkey"), short_dir / secrets.token_hex(4)) as node,
        relay(node.port) as wire,
        served(short_dir, wire) as service,
    ):
        async with load(service, "various") as running:
            await wire.until(lambda: passed(wire) > 2 * SECOND)
        history = running.history(wire.calls)
    assert running.undecided == 0
    assert len(history) == sum(len(told.asks) for told in running.told)
    assert judge(history) == EXACT
    for limit in (STEADY, COSTLY, CHANGING[0], PAUSING, *OWN, ALL):
        assert {event.allowed for event in of(history, limit.key)} == {True, False}, limit


@pytest.mark.parametrize(
    ("decider", "wrong"),
    [
        pytest.param("fixed-window", lambda verdict: verdict.excess > 0, id="a count for each window of the clock"),
        pytest.param("sorted-set", lambda verdict: verdict.false_refusals > 0, id="refused ones counted as well"),
    ],
)
async def test_the_oracle_catches_naive_limits_under_such_load(
    short_dir: Path, decider: str, wrong: Callable[[Verdict], bool]
) -> None:
    async with run_node(installed("valkey"), short_dir / secrets.token_hex(4)) as node:
        async with clients(decider, "bursts", node.url) as running:
            await until(lambda: has_counted(node))
        assert wrong(judge(running.history()))


async def has_counted(node: Node) -> bool:
    """Whether the naive clients have been at it for a while."""
    lines = (await node.ask("INFO", "commandstats")).split(b"\r\n")
    return any(int(line.partition(b"calls=")[2].partition(b",")[0]) > 400 for line in lines if b"_exec:" in line)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("server_url", SERVERS, indirect=True)
def test_steps_of_the_servers_clock_admit_no_more_than_the_time_that_it_has_gone_on(
    on_test_clock: Deciding, seed: int
) -> None:
    """A step ahead cannot be told from time that has passed. A step back is no time: `passed` stands meanwhile."""
    chance = Random(seed)  # noqa: S311
    # Windows of seconds of the test's clock, as Redis expires keys by its own.
    limits = [Limit(b"%d:%d" % (seed, units), units, width * SECOND) for units, width in ((5, 30), (12, 70))]
    now, passed, history = START, 0, list[Event]()
    for _ in range(300):
        step = chance.choice([0, 0, 4, 4, 9, 25, -3, -40, -500, 500]) * SECOND + chance.randrange(SECOND)
        now, passed = now + step, passed + max(0, step)
        chosen = tuple(chance.sample(limits, chance.randint(1, 2)))
        cost = chance.randint(1, 4)
        check: Check = (chosen, cost)
        _, (decision,) = on_test_clock.decide([check], now)
        history.append(Event(passed, chosen, cost, decision.allowed))
        if not decision.allowed and chance.random() < 0.5:
            wait = -(-decision.retry_after_micros // MILLI) * MILLI
            _, (early,) = on_test_clock.decide([check], now + wait - MILLI)
            now, passed = now + wait, passed + wait
            _, (in_time,) = on_test_clock.decide([check], now)
            assert (early.allowed, in_time.allowed) == (False, True)
            history.append(Event(passed, chosen, cost, True))
    assert judge(history).excess == 0
    assert {event.allowed for event in history} == {True, False}
