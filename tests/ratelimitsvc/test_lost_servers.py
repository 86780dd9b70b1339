"""What a server costs that is killed under load: the units that it had not written down, or not yet replicated."""

import secrets
import shutil
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from ratelimitsvc.counters import REDIS_CLOCK
from tests.ratelimitsvc.conftest import Deciding, connected, installed
from tests.ratelimitsvc.history import EXACT, judge
from tests.ratelimitsvc.load import LASTING, STEADY, load, of, units
from tests.ratelimitsvc.relay import Call, relay
from tests.ratelimitsvc.servers import HOST, Node, replicated, run_node, until
from tests.ratelimitsvc.test_exactness import served

PERSISTENT = {"appendonly": "yes", "appendfsync": "everysec"}


def counted(node: Node) -> int:
    """How many units of the lasting limit a server knows."""
    with connected(node.url) as client:
        _, (decision,) = Deciding(client, REDIS_CLOCK, "ring").decide([([LASTING], 0)])
    return LASTING.limit - decision.remaining


async def is_full(node: Node) -> bool:
    return counted(node) == LASTING.limit


async def write_down(node: Node) -> None:
    """Has what is counted on disk: WAITAOF waits for what its own connection has written, and for all before it."""
    with connected(node.url) as client:
        client.set("mark", 1)
        assert client.execute_command("WAITAOF", 1, 0, 10_000)[0] == 1


@pytest.mark.parametrize("keeps_data", [True, False], ids=["with its data", "without"])
async def test_a_server_that_is_killed_and_started_again_has_lost_at_most_what_was_not_on_disk(
    short_dir: Path, keeps_data: bool
) -> None:
    folder = short_dir / secrets.token_hex(4)
    async with AsyncExitStack() as stack:
        node = await stack.enter_async_context(run_node(installed("valkey"), folder, PERSISTENT))
        wire = await stack.enter_async_context(relay(node.port))
        service = await stack.enter_async_context(served(short_dir, wire))
        async with load(service, "lasting") as running:
            await until(lambda: is_full(node))
            await write_down(node)
            written = len(wire.calls)
            await wire.until(lambda: len(wire.calls) > written + 100)
            await node.kill()
            killed = len(wire.calls)
            if not keeps_data:
                shutil.rmtree(folder)
            again = await stack.enter_async_context(run_node(installed("valkey"), folder, PERSISTENT))
            wire.to = again.port
            await until(lambda: is_full(again))
            await wire.until(lambda: answered(wire.calls[killed:]) > 100)
    history, before = running.history(wire.calls), running.history(wire.calls[:killed])
    assert judge(before) == EXACT
    assert judge(of(history, LASTING.key)).excess == (0 if keeps_data else LASTING.limit)
    at_stake = units(of(running.history(wire.calls[written if keeps_data else 0 : killed]), STEADY.key))
    assert judge(of(history, STEADY.key)).excess <= min(at_stake, STEADY.limit)


async def test_a_fail_over_admits_again_exactly_what_was_not_replicated(short_dir: Path) -> None:
    folder = short_dir / secrets.token_hex(4)
    async with AsyncExitStack() as stack:
        primary = await stack.enter_async_context(run_node(installed("valkey"), folder / "primary"))
        replica = await stack.enter_async_context(run_node(installed("valkey"), folder / "replica"))
        wire = await stack.enter_async_context(relay(primary.port))
        link = await stack.enter_async_context(relay(primary.port, keeps_calls=False))
        await replica.ask("REPLICAOF", HOST, link.port)
        await until(lambda: replicated(replica))
        service = await stack.enter_async_context(served(short_dir, wire))
        async with load(service, "lasting") as running:
            await wire.until(lambda: answered(wire.calls) > 20)
            link.open.clear()
            held = answered(wire.calls)
            await wire.until(lambda: answered(wire.calls) > held + 20)
            await primary.kill()
            killed = len(wire.calls)
            await replica.ask("REPLICAOF", "NO", "ONE")
            known = counted(replica)
            wire.to = replica.port
            await until(lambda: is_full(replica))
    history = of(running.history(wire.calls), LASTING.key)
    admitted = units(of(running.history(wire.calls[:killed]), LASTING.key))
    assert 0 < known < admitted < LASTING.limit, "the server must fail while it admits"
    assert judge(history).excess == admitted - known


def answered(calls: Sequence[Call]) -> int:
    return sum(call.at is not None for call in calls)
