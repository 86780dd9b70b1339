"""A whole program under the supervisor, ended from outside: nothing of it remains."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.penstockctl.processes import read_until, started, wait_until_gone

CLUSTER = (sys.executable, "-m", "tests.penstockctl.cluster.stand_ins")


def process_ids(lines: list[str]) -> list[int]:
    return [int(line.split()[-1]) for line in lines if "| pid " in line]


async def begun(cluster: asyncio.subprocess.Process, text: str, count: int) -> list[int]:
    """The ids of so many processes that begin up to the line with `text`, which may overtake what they say."""
    found = process_ids(await read_until(cluster, text))
    while len(found) < count:
        found += process_ids(await read_until(cluster, "| pid "))
    return found


def ignores(process_id: int, number: signal.Signals) -> bool:
    """What the kernel says of a process (proc_pid_status(5))."""
    mask = re.search(r"^SigIgn:\s(\w+)$", Path(f"/proc/{process_id}/status").read_text(), re.MULTILINE)
    assert mask is not None
    return bool(int(mask[1], 16) & 1 << (number - 1))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
async def test_no_process_outlives_the_supervisor(number: signal.Signals) -> None:
    async with started(*CLUSTER) as cluster:
        children = await begun(cluster, "all are up", 3)
        cluster.send_signal(number)
        code = await cluster.wait()
        for child in children:
            wait_until_gone(child)
    assert code == (-signal.SIGKILL if number is signal.SIGKILL else 0)


async def test_an_orderly_stop_runs_from_the_last_to_the_first() -> None:
    async with started(*CLUSTER) as cluster:
        await read_until(cluster, "all are up")
        cluster.send_signal(signal.SIGTERM)
        said = await read_until(cluster, "all are gone")
    assert [line.split()[0] for line in said if "| bye" in line] == ["edge", "service", "store"]


async def test_ctrl_c_in_a_terminal_stops_in_order_too() -> None:
    async with started(*CLUSTER) as cluster:
        await read_until(cluster, "all are up")
        os.killpg(cluster.pid, signal.SIGINT)  # a terminal signals the whole foreground group
        said = await read_until(cluster, "all are gone")
    assert [line.split()[0] for line in said if "| bye" in line] == ["edge", "service", "store"]


async def test_a_second_signal_does_not_wait_for_a_stubborn_process() -> None:
    async with started(*CLUSTER, "stubborn") as cluster:
        children = await begun(cluster, "all are up", 3)
        cluster.send_signal(signal.SIGINT)
        await read_until(cluster, "| no")
        cluster.send_signal(signal.SIGINT)
        said = await read_until(cluster, "all are gone")
        assert [line for line in said if "kill" in line] == ["penstock | killing what still runs, as asked"]
        for child in children:
            wait_until_gone(child)
        assert await cluster.wait() == 0


async def test_a_hangup_that_somebody_sends_replaces_what_is_to_be_replaced() -> None:
    async with started(*CLUSTER) as cluster:
        first = await begun(cluster, "all are up", 3)
        cluster.send_signal(signal.SIGHUP)
        (second,) = await begun(cluster, "all edge workers have been replaced", 1)
        wait_until_gone(first[-1])
        cluster.send_signal(signal.SIGTERM)
        await read_until(cluster, "all are gone")
        assert await cluster.wait() == 0
    for each in (*first, second):
        wait_until_gone(each)


async def test_a_terminal_that_closes_stops_in_order() -> None:
    async with in_a_terminal(*CLUSTER) as (cluster, terminal):
        children = await begun(cluster, "all are up", 3)
        cluster.send_signal(signal.SIGHUP)  # the terminal is there: somebody sent it
        children += await begun(cluster, "all edge workers have been replaced", 1)
        terminal.close()
        said = await read_until(cluster, "all are gone")
        assert await cluster.wait() == 0
    assert [line.split()[0] for line in said if "| bye" in line] == ["edge", "service", "store"]
    for each in children:
        wait_until_gone(each)


@asynccontextmanager
async def in_a_terminal(*command: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, BinaryIO]]:
    """A process with a terminal of its own, and the side of it that a person sits at."""
    ours, theirs = os.openpty()
    # Whoever leads a session and has no terminal gets the first one that it opens (tty_ioctl(4)).
    take = "import os, sys; os.open(sys.argv[1], os.O_RDWR); os.execv(sys.argv[2], sys.argv[2:])"
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        async with started(sys.executable, "-c", take, os.ttyname(theirs), *command) as process:
            os.close(theirs)
            yield process, terminal


async def test_a_closed_terminal_means_nothing_under_nohup() -> None:
    async with started("nohup", *CLUSTER) as cluster:
        await read_until(cluster, "all are up")
        assert ignores(cluster.pid, signal.SIGHUP)
        cluster.send_signal(signal.SIGTERM)
        await read_until(cluster, "all are gone")
