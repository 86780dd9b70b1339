"""Services are asked in rounds: one at a time, bounded in time and breadth, and not before the last one is stale."""

import asyncio
from dataclasses import dataclass, field

import pytest

from domain.tenants import DEFAULT_TENANT
from edge.builtin.models import ServiceState
from edge.resilience import HealthCheck
from edge.routing import Router, Service, Target
from edge.service_health import AT_ONCE, FRESH_SECONDS, AskedServices, state_of
from edge.snapshot import Rules


def rules(*services: Service) -> Rules:
    return Rules(DEFAULT_TENANT, 1, Router(()), services=services)


def service(name: str, targets: int = 1, path: str = "/health") -> Service:
    return Service(
        name, tuple(Target(name, port) for port in range(1, targets + 1)), health=HealthCheck(path) if path else None
    )


@dataclass
class Behind:
    """The services behind: what is wrong with each, how often it was asked, who is being asked."""

    rules: Rules | None
    now: float = 0.0
    wrong: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    turns: int = 1
    """How often the loop goes round before an answer comes."""

    async def ask(self, service: Service, target: Target) -> str:
        self.asked.append(f"{target.name}{service.health_path}")
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            for _ in range(self.turns):
                await asyncio.sleep(0)
        finally:
            self.at_once -= 1
        return self.wrong.get(target.host, "")

    def health(self, round_seconds: float = 10.0) -> AskedServices:
        return AskedServices(lambda: self.rules, self.ask, clock=lambda: self.now, round_seconds=round_seconds)


async def test_each_service_has_the_state_of_its_target() -> None:
    behind = Behind(rules(service("sales"), service("pos", path="")), wrong={"pos": "503"})
    seen = await behind.health().look()
    assert dict(seen.services) == {
        "sales": ServiceState(status="healthy"),
        "pos": ServiceState(status="unhealthy", detail="503"),
    }
    assert sorted(behind.asked) == ["pos:1", "sales:1/health"]


async def test_many_who_ask_at_the_same_time_share_one_round() -> None:
    behind = Behind(rules(service("sales")))
    health = behind.health()
    seen = await asyncio.gather(*(health.look() for _ in range(100)))
    assert len(behind.asked) == 1
    assert all(each is seen[0] for each in seen)


async def test_a_round_is_kept_until_it_is_stale() -> None:
    behind = Behind(rules(service("sales")))
    health = behind.health()
    first = await health.look()
    behind.now += FRESH_SECONDS - 0.001
    assert await health.look() is first
    behind.now += 0.001
    assert await health.look() is not first
    assert len(behind.asked) == 2


async def test_another_document_is_asked_for_at_once() -> None:
    behind = Behind(None)
    health = behind.health()
    assert dict((await health.look()).services) == {}
    behind.rules = rules(service("sales"))
    assert set((await health.look()).services) == {"sales"}


async def test_one_who_goes_away_in_the_middle_takes_nobody_along() -> None:
    behind = Behind(rules(service("sales")), turns=3)
    health = behind.health()
    async with asyncio.TaskGroup() as tasks:
        first, second = tasks.create_task(health.look()), tasks.create_task(health.look())
        await asyncio.sleep(0)
        first.cancel()
    assert second.result().services["sales"].status == "healthy"
    assert behind.at_once == 0


async def test_a_thousand_services_are_asked_a_few_at_a_time() -> None:
    behind = Behind(rules(*(service(f"s{number}") for number in range(1000))))
    seen = await behind.health().look()
    assert len(behind.asked) == 1000
    assert behind.most_at_once == AT_ONCE
    assert {state.status for state in seen.services.values()} == {"healthy"}


async def test_a_service_that_never_answers_holds_nobody_up() -> None:
    never = asyncio.Event()

    async def ask(_service: Service, target: Target) -> str:
        if target.host == "slow":
            await never.wait()
        return ""

    health = AskedServices(lambda: rules(service("slow"), service("sales")), ask, round_seconds=0.05)
    seen = await health.look()
    assert (seen.services["slow"].status, seen.services["sales"].status) == ("unknown", "healthy")


async def test_the_last_states_are_those_of_the_present_document_and_unknown_before_the_first_round() -> None:
    behind = Behind(rules(service("sales"), service("pos")), wrong={"pos": "503"})
    health = behind.health()
    assert health.last() == {"sales": ("unknown", 0.0), "pos": ("unknown", 0.0)}
    at = (await health.look()).at.timestamp()
    assert health.last() == {"sales": ("healthy", at), "pos": ("unhealthy", at)}
    behind.rules = rules(service("pos"), service("new"))
    assert health.last() == {"pos": ("unhealthy", at), "new": ("unknown", 0.0)}
    behind.rules = None
    assert health.last() == {}


@pytest.mark.parametrize(
    ("wrong", "targets", "state"),
    [
        pytest.param([""], 1, ServiceState(status="healthy"), id="well"),
        pytest.param(["503"], 1, ServiceState(status="unhealthy", detail="503"), id="not well"),
        pytest.param(["", "503"], 2, ServiceState(status="degraded", detail="1 of 2 targets: 503"), id="one of two"),
        pytest.param(
            ["503", "cannot be reached", "503"],
            3,
            ServiceState(status="unhealthy", detail="3 of 3 targets: 503, cannot be reached"),
            id="all of three",
        ),
        pytest.param([], 1, ServiceState(status="unknown", detail="not asked in time"), id="not heard of"),
        pytest.param([""], 2, ServiceState(status="healthy"), id="one heard of, and well"),
        pytest.param(
            ["503"], 2, ServiceState(status="unknown", detail="not asked in time"), id="one heard of, and not well"
        ),
    ],
)
def test_a_state_is_made_of_what_is_wrong_with_targets(wrong: list[str], targets: int, state: ServiceState) -> None:
    assert state_of(wrong, targets) == state
