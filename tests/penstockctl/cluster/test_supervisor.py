"""The supervisor over real processes: order, gates, restarts, the end."""

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import repeat
from pathlib import Path

import httpx
import pytest

from penstockctl.cluster.output import ClusterLog
from penstockctl.cluster.sockets import port_of
from penstockctl.cluster.supervisor import supervised
from penstockctl.faults import OperatorError
from tests.penstockctl.cluster.stand_ins import READY, listener, stand_in
from tests.penstockctl.processes import DEADLINE_SECONDS, wait_until_gone


class Lines:
    """What the cluster log wrote, to be waited for."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self._more = asyncio.Event()

    def write(self, text: str) -> None:
        self.said += text.splitlines()
        self._more.set()

    def flush(self) -> None:
        pass

    async def wait_for(self, text: str, times: int = 1) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS):
            while len(self.with_text(text)) < times:
                self._more.clear()
                await self._more.wait()

    def with_text(self, *texts: str) -> list[str]:
        return [line for line in self.said if any(text in line for text in texts)]

    def process_ids(self, name: str) -> list[int]:
        return [int(line.split()[-1]) for line in self.said if line.startswith(name) and "| pid " in line]


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture
def log(lines: Lines) -> ClusterLog:
    return ClusterLog(["store", "service", "edge"], lines)


@pytest.fixture
def sockets() -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        yield [stack.enter_context(listener()) for _ in range(3)]


def at_once() -> Iterator[float]:
    return repeat(0.0)


async def test_each_starts_when_those_before_it_are_ready_and_ends_before_them(
    lines: Lines, log: ClusterLog, sockets: list[socket.socket]
) -> None:
    async with supervised(log) as supervisor:
        await supervisor.start(
            [
                stand_in("store", sockets[0]),
                stand_in("service", sockets[1], after=("store",)),
                stand_in("edge", sockets[2], after=("service",)),
            ]
        )

    story = [" ".join(line.split()[:3:2]) for line in lines.with_text("| pid", "| bye")]
    ready = [line.split("| ")[1] for line in lines.with_text("is ready")]
    assert story == ["store pid", "service pid", "edge pid", "edge bye", "service bye", "store bye"]
    assert ready == ["store is ready", "service is ready", "edge is ready"]
    assert lines.said.index("penstock | store is ready") < lines.said.index(
        f"service  | pid {lines.process_ids('service')[0]}"
    )


async def test_a_killed_process_is_started_again_on_the_same_socket(
    lines: Lines, log: ClusterLog, sockets: list[socket.socket]
) -> None:
    async with supervised(log, at_once) as supervisor:
        await supervisor.start([stand_in("edge", sockets[0])])
        first = lines.process_ids("edge")[0]
        os.kill(first, signal.SIGKILL)
        wait_until_gone(first)
        # Nobody accepts at this moment, yet the connection waits in the queue for the successor.
        async with httpx.AsyncClient(trust_env=False, timeout=DEADLINE_SECONDS) as client:
            answer = await client.get(f"http://127.0.0.1:{port_of(sockets[0])}/")
        await lines.wait_for("edge is ready", times=2)

    assert int(answer.text) == lines.process_ids("edge")[1] != first
    assert "penstock | edge ended (killed by SIGKILL), starting it again in 0.0 s" in lines.said


async def test_the_pauses_between_restarts_follow_the_schedule(
    lines: Lines, log: ClusterLog, sockets: list[socket.socket]
) -> None:
    series: list[Iterator[float]] = []

    def schedule() -> Iterator[float]:
        series.append(iter([0.01, 0.02, 0.03]))
        return series[-1]

    async with supervised(log, schedule) as supervisor:
        await supervisor.start([stand_in("edge", sockets[0])])
        for death in (1, 2, 3):
            os.kill(lines.process_ids("edge")[-1], signal.SIGKILL)
            await lines.wait_for("edge is ready", times=death + 1)

    assert next(series[0], "used up") == "used up"
    assert len(series) == 1, "it was never up for long, so no new series began"


async def test_a_process_that_dies_before_it_is_ready_fails_the_start(
    lines: Lines, log: ClusterLog, sockets: list[socket.socket]
) -> None:
    with pytest.raises(OperatorError, match=r"^service did not start \(exit code 3\); its log is above\.$"):
        async with supervised(log, at_once) as supervisor:
            await supervisor.start(
                [
                    stand_in("store", sockets[0]),
                    stand_in("service", sockets[1], manner="dies", after=("store",)),
                    stand_in("edge", sockets[2], after=("service",)),
                ]
            )

    assert len(lines.process_ids("service")) == 3
    assert lines.process_ids("edge") == []
    wait_until_gone(lines.process_ids("store")[0])


async def test_a_process_whose_settings_are_at_fault_is_not_tried_again(
    lines: Lines, log: ClusterLog, sockets: list[socket.socket]
) -> None:
    with pytest.raises(OperatorError, match=r"^service did not start \(exit code 2\); its log is above\.$"):
        async with supervised(log, at_once) as supervisor:
            await supervisor.start([stand_in("service", sockets[1], manner="refuses")])

    assert len(lines.process_ids("service")) == 1


async def test_a_process_that_never_becomes_ready_fails_the_start(
    lines: Lines, log: ClusterLog, sockets: list[socket.socket]
) -> None:
    with pytest.raises(OperatorError, match=r"edge was not ready within 0\.5 s"):
        async with supervised(log, at_once) as supervisor:
            await supervisor.start([stand_in("edge", sockets[0], manner="silent", seconds=0.5)])

    wait_until_gone(lines.process_ids("edge")[0])


async def test_a_process_that_ignores_the_signal_is_killed_after_its_drain_time(
    lines: Lines, log: ClusterLog, sockets: list[socket.socket]
) -> None:
    async with supervised(log) as supervisor:
        await supervisor.start([stand_in("edge", sockets[0], manner="stubborn", seconds=1)])

    wait_until_gone(lines.process_ids("edge")[0])
    assert "penstock | edge did not end in time and was killed" in lines.said


async def test_a_process_is_replaced_by_one_that_is_ready_before_it_is_told_to_stop(
    lines: Lines, log: ClusterLog, sockets: list[socket.socket]
) -> None:
    async with supervised(log) as supervisor:
        await supervisor.start([stand_in("edge", sockets[0], gate=READY)])
        await supervisor.replace("edge")
        first, second = lines.process_ids("edge")
        wait_until_gone(first)
        async with httpx.AsyncClient(trust_env=False, timeout=DEADLINE_SECONDS) as client:
            answer = await client.get(f"http://127.0.0.1:{port_of(sockets[0])}/")
        story = [line.split("| ")[1] for line in lines.with_text("is ready", "bye")]

    assert story == ["edge is ready", "edge is ready", f"bye {first}"]
    assert int(answer.text) == second


async def test_what_has_replaced_another_is_kept_alive_as_that_was(
    lines: Lines, log: ClusterLog, sockets: list[socket.socket]
) -> None:
    async with supervised(log, at_once) as supervisor:
        await supervisor.start([stand_in("edge", sockets[0], gate=READY)])
        await supervisor.replace("edge")
        os.kill(lines.process_ids("edge")[1], signal.SIGKILL)
        await lines.wait_for("edge is ready", times=3)

    assert len(lines.process_ids("edge")) == 3


@pytest.mark.parametrize(
    ("manner", "sentence"),
    [
        pytest.param("dies", r"edge did not start \(exit code 3\)", id="dies"),
        pytest.param("refuses", r"edge did not start \(exit code 2\)", id="its settings are at fault"),
        pytest.param("silent", r"edge was not ready within 1 s", id="never becomes ready"),
    ],
)
async def test_a_process_stays_when_its_successor_does_not_become_ready(
    lines: Lines, log: ClusterLog, sockets: list[socket.socket], tmp_path: Path, manner: str, sentence: str
) -> None:
    async with supervised(log, at_once) as supervisor:
        spec = stand_in("edge", sockets[0], manner=manner, mark=tmp_path / "mark", seconds=1, gate=READY)
        await supervisor.start([spec])
        with pytest.raises(OperatorError, match=sentence):
            await supervisor.replace("edge")
        first, *successors = lines.process_ids("edge")
        for each in successors:
            wait_until_gone(each)
        async with httpx.AsyncClient(trust_env=False, timeout=DEADLINE_SECONDS) as client:
            answer = await client.get(f"http://127.0.0.1:{port_of(sockets[0])}/")
        assert int(answer.text) == first
        (tmp_path / "mark").unlink()
        await supervisor.replace("edge")
        wait_until_gone(first)


async def test_a_stop_in_the_middle_of_a_replacement_leaves_nobody_behind(
    lines: Lines, log: ClusterLog, sockets: list[socket.socket], tmp_path: Path
) -> None:
    async def replace() -> None:
        async with supervised(log) as supervisor:
            await supervisor.start(
                [stand_in("edge", sockets[0], manner="silent", mark=tmp_path / "mark", seconds=1, gate=READY)]
            )
            await supervisor.replace("edge")

    async with asyncio.TaskGroup() as tasks:
        replacing = tasks.create_task(replace())
        await lines.wait_for("| pid", times=2)
        replacing.cancel()

    first, second = lines.process_ids("edge")
    assert lines.with_text(f"bye {first}"), "its predecessor was told to stop, not killed"
    wait_until_gone(first)
    wait_until_gone(second)


async def test_a_stop_while_a_replaced_process_drains_lets_it_drain(
    lines: Lines, log: ClusterLog, sockets: list[socket.socket]
) -> None:
    async def replace() -> None:
        async with supervised(log) as supervisor:
            await supervisor.start([stand_in("edge", sockets[0], manner="stubborn", seconds=1, gate=READY)])
            await supervisor.replace("edge")

    async with asyncio.TaskGroup() as tasks:
        replacing = tasks.create_task(replace())
        await lines.wait_for("| no")
        replacing.cancel()

    for each in lines.process_ids("edge"):
        wait_until_gone(each)
    assert len(lines.with_text("did not end in time and was killed")) >= 2, "each had its time"


async def test_a_fault_of_the_caller_stops_all_and_is_not_wrapped(
    lines: Lines, log: ClusterLog, sockets: list[socket.socket]
) -> None:
    async def fail() -> None:
        async with supervised(log) as supervisor:
            await supervisor.start([stand_in("edge", sockets[0])])
            raise LookupError("a fault of the caller")

    with pytest.raises(LookupError):
        await fail()

    wait_until_gone(lines.process_ids("edge")[0])
    assert lines.with_text("bye")


async def test_a_stop_during_the_start_leaves_nobody_behind(
    lines: Lines, log: ClusterLog, sockets: list[socket.socket]
) -> None:
    async def start() -> None:
        async with supervised(log) as supervisor:
            await supervisor.start(
                [
                    stand_in("store", sockets[0], manner="silent"),
                    stand_in("service", sockets[1], after=("store",)),
                ]
            )

    async with asyncio.TaskGroup() as tasks:
        starting = tasks.create_task(start())
        await lines.wait_for("| pid")
        starting.cancel()

    wait_until_gone(lines.process_ids("store")[0])
    assert lines.process_ids("service") == []
