"""Checks: when each target is asked, what becomes of it, and that several workers ask no more than one."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from domain.tenants import DEFAULT_TENANT, TenantId
from edge.deadlines import Deadlines
from edge.resilience import HealthCheck
from edge.routing import Router, Service, Target
from edge.snapshot import GatewaySnapshot, Rules, TenantStatus, TenantView
from edge.upstream import checks as module
from edge.upstream.breaker import State
from edge.upstream.checks import Checker, Seen
from edge.upstream.fleet import Change, Fleets
from edge.upstream.guard import AddressGuard
from edge.upstream.pool import UpstreamPool
from edge.upstream.verdicts import SharedVerdicts

ACME = TenantId("0192aaaa-0000-7000-8000-0000000000ac")
HOURLY = HealthCheck("/", 3600.0, unhealthy_after=2, healthy_after=2)
FAST = HealthCheck("/", 0.01, unhealthy_after=3, healthy_after=2)


def service(*hosts: str, rules: HealthCheck | None = FAST, name: str = "s") -> Service:
    return Service(name, tuple(Target(host, 80) for host in hosts), health=rules)


def config(*services: Service, tenant: TenantId = DEFAULT_TENANT) -> GatewaySnapshot:
    rules = Rules(tenant, 1, Router(()), services=services)
    return GatewaySnapshot(1, {tenant: TenantView(tenant, "short000", "slug", TenantStatus.ACTIVE, rules)})


@dataclass
class Targets:
    """What is wrong with each host, and who was asked how often."""

    wrong: dict[str, str] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    let: asyncio.Event = field(default_factory=asyncio.Event)
    at_once: int = 0
    most_at_once: int = 0

    async def __call__(self, service: Service, target: Target, owner: TenantId, *, trusted: bool) -> str:
        assert trusted == (owner == DEFAULT_TENANT)
        self.asked[target.host] += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await self.let.wait()
        self.at_once -= 1
        return self.wrong.get(target.host, "")


class Worker:
    """One worker's part: its clock goes by itself, as fast as a test likes."""

    def __init__(self, snapshot: GatewaySnapshot, targets: Targets, run_dir: Path) -> None:
        self.snapshot = snapshot
        self.seen: list[Seen] = []
        self.now = 1000.0
        self.draining = False
        self.fleets = Fleets(UpstreamPool(AddressGuard(), Deadlines()), self, lambda: self.now)
        self.checker = Checker(
            self.fleets,
            lambda: self.snapshot,
            targets,
            SharedVerdicts(run_dir),
            self.seen.append,
            lambda: 0.5,
            lambda: self.draining,
        )

    def changed(self, change: Change) -> None: ...
    def repeated(self, allowed: bool) -> None: ...

    async def go(self, group: asyncio.TaskGroup, steps: int = 1, seconds: float = 1.0) -> None:
        """So many steps, each so many seconds after the one before; questions that are let are answered between."""
        for _ in range(steps):
            self.now += seconds
            self.checker.step(self.now, group)
            for _ in range(4):
                await asyncio.sleep(0)

    def state(self, host: str) -> State:
        return next(
            each.condition.state
            for members in self.fleets._members.values()
            for each in members.values()
            if each.target.host == host
        )


@asynccontextmanager
async def asking() -> AsyncIterator[asyncio.TaskGroup]:
    """A group of questions, whose rest is dropped at the end."""
    async with asyncio.TaskGroup() as group:
        yield group
        for task in list(group._tasks):
            task.cancel()


@pytest.fixture
def targets() -> Targets:
    targets = Targets()
    targets.let.set()
    return targets


async def test_a_target_that_fails_its_first_check_is_out_of_use_and_comes_back_after_two_that_pass(
    tmp_path: Path, targets: Targets
) -> None:
    targets.wrong["b"] = "503"
    worker = Worker(config(service("a", "b", rules=replace(FAST, interval=1.0))), targets, tmp_path)
    async with asking() as group:
        await worker.go(group, 2)
        assert (worker.state("a"), worker.state("b")) == (State.CLOSED, State.UNHEALTHY)
        del targets.wrong["b"]
        worker.now = asyncio.get_running_loop().time() + 10.0
        await worker.go(group)
        assert worker.state("b") is State.UNHEALTHY
        worker.now += 10.0
        await worker.go(group)
        assert worker.state("b") is State.CLOSED
    of_b = [each for each in worker.seen if each.key.host == "b"]
    assert [(each.healthy, each.reason) for each in of_b] == [
        (False, "503"),
        (False, "well again, 1 of 2 in a row"),
        (True, ""),
    ]


async def test_one_that_was_well_is_out_of_use_after_so_many_failures_in_a_row(
    tmp_path: Path, targets: Targets
) -> None:
    worker = Worker(config(service("a", "b")), targets, tmp_path)
    reasons, states = [], []
    async with asking() as group:
        await worker.go(group, 2)
        targets.wrong["b"] = "no answer in time"
        for _ in range(3):
            worker.now = max(worker.now, asyncio.get_running_loop().time()) + 10.0
            await worker.go(group)
            reasons.append([each for each in worker.seen if each.key.host == "b"][-1].reason)
            states.append(worker.state("b"))
    assert reasons == ["no answer in time, 1 of 3 in a row", "no answer in time, 2 of 3 in a row", "no answer in time"]
    assert states == [State.CLOSED, State.CLOSED, State.UNHEALTHY]


async def test_of_two_workers_one_asks_and_the_other_knows(tmp_path: Path, targets: Targets) -> None:
    targets.wrong["b"] = "503"
    snapshot = config(service("a", "b", rules=HOURLY))
    one, other = Worker(snapshot, targets, tmp_path), Worker(snapshot, targets, tmp_path)
    async with asking() as group:
        for _ in range(4):
            await one.go(group)
            await other.go(group)
        assert (one.checker.asks, other.checker.asks) == (True, False)
        assert targets.asked == {"a": 1, "b": 1}
        assert (one.state("b"), other.state("b"), other.state("a")) == (State.UNHEALTHY, State.UNHEALTHY, State.CLOSED)
        assert other.seen == []
        one.draining = True
        await one.go(group)
        await other.go(group, 2)
        assert (one.checker.asks, other.checker.asks) == (False, True)
        assert other.state("b") is State.UNHEALTHY
        other.checker._shared.release()


async def test_a_worker_that_takes_over_goes_on_with_what_is_known(tmp_path: Path, targets: Targets) -> None:
    targets.wrong["a"] = "503"
    snapshot = config(service("a", "b", rules=HOURLY))
    one, other = Worker(snapshot, targets, tmp_path), Worker(snapshot, targets, tmp_path)
    async with asking() as group:
        await one.go(group, 3)
        one.checker._shared.release()  # as the end of its process does
        del targets.wrong["a"]
        await other.go(group, 2)
        assert other.checker.asks
        assert other.state("a") is State.UNHEALTHY  # one check that passes is not enough
        assert targets.asked["a"] == 2
        other.checker._shared.release()


async def test_a_new_config_keeps_what_was_found_and_asks_only_for_what_it_names(
    tmp_path: Path, targets: Targets
) -> None:
    targets.wrong["b"] = "503"
    worker = Worker(config(service("a", "b", rules=HOURLY)), targets, tmp_path)
    async with asking() as group:
        await worker.go(group, 3)
        worker.snapshot = config(service("b", "c", rules=HOURLY))
        await worker.go(group, 3)
        assert targets.asked == {"a": 1, "b": 1, "c": 1}
        assert (worker.state("b"), worker.state("c")) == (State.UNHEALTHY, State.CLOSED)
        worker.snapshot = config(service("b", "c", rules=None))
        await worker.go(group, 3)
        assert (worker.state("b"), worker.state("c")) == (State.CLOSED, State.CLOSED)
        assert targets.asked.total() == 3


async def test_another_path_is_asked_at_once(tmp_path: Path, targets: Targets) -> None:
    worker = Worker(config(service("a", "b", rules=HOURLY)), targets, tmp_path)
    async with asking() as group:
        await worker.go(group, 3)
        worker.snapshot = config(service("a", "b", rules=replace(HOURLY, path="/deep")))
        await worker.go(group, 3)
        assert targets.asked == {"a": 2, "b": 2}


async def test_a_tenants_thousand_targets_are_no_storm_and_hold_no_other_up(tmp_path: Path, targets: Targets) -> None:
    many = config(service(*(f"m{number}" for number in range(200)), rules=HOURLY), tenant=ACME)
    few = config(service("a", rules=HOURLY))
    targets.let.clear()
    worker = Worker(GatewaySnapshot(1, {**many.tenants, **few.tenants}), targets, tmp_path)
    async with asking() as group:
        await worker.go(group, 20)
        assert targets.at_once == module.AT_ONCE_OF_TENANT + 1
        assert targets.asked["a"] == 1
        targets.let.set()
        await worker.go(group, 60)
        assert targets.asked.total() == 201
        assert targets.most_at_once <= module.AT_ONCE


async def test_checks_are_spread_and_bounded_in_a_second(tmp_path: Path, targets: Targets) -> None:
    tenants = [TenantId(f"0192aaaa-0000-7000-8000-{number:012x}") for number in range(1, 200)]
    views = {each: config(service("m", rules=HOURLY), tenant=each).tenants[each] for each in tenants}
    worker = Worker(GatewaySnapshot(1, views), targets, tmp_path)
    async with asking() as group:
        await worker.go(group)
        before = targets.asked.total()
        await worker.go(group, 1)
        assert targets.asked.total() - before <= module.PER_TICK


async def test_it_runs_by_itself_until_it_is_cancelled(tmp_path: Path, targets: Targets) -> None:
    worker = Worker(config(service("a")), targets, tmp_path)
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        running = group.create_task(worker.checker.run())
        while len(worker.seen) < 3:  # noqa: ASYNC110 - a check is no event
            await asyncio.sleep(0.01)
        running.cancel()
    assert SharedVerdicts(tmp_path).claim()
