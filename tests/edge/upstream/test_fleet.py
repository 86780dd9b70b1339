"""The targets of a service in one worker: who is taken, what is learned of them, what outlives a change of config."""

from collections import Counter
from dataclasses import dataclass, field, replace

import pytest

from domain.tenants import DEFAULT_TENANT, TenantId
from edge.deadlines import Deadlines
from edge.resilience import Balance, Breaker, HealthCheck, Policy, Retries
from edge.routing import Router, Service, Target
from edge.snapshot import GatewaySnapshot, Rules, TenantStatus, TenantView
from edge.upstream.balance import key_of
from edge.upstream.breaker import State, Verdict
from edge.upstream.fleet import Change, Fleet, Fleets, Member
from edge.upstream.guard import AddressGuard
from edge.upstream.pool import UpstreamPool

ACME = TenantId("0192aaaa-0000-7000-8000-0000000000ac")
BREAKER = Breaker(failures=2, open=10.0)
CLOSED, OPEN, HALF_OPEN, UNHEALTHY = State


def service(*hosts: str, **changes: object) -> Service:
    return Service("s", tuple(Target(host, 80) for host in hosts), **changes)  # type: ignore[arg-type]


def view(*services: Service, tenant: TenantId = DEFAULT_TENANT, allow: bool = False) -> TenantView:
    rules = Rules(tenant, 1, Router(()), services=services)
    return TenantView(tenant, "short000", "slug", TenantStatus.ACTIVE, rules, targets_allow=allow)


def snapshot(*views: TenantView) -> GatewaySnapshot:
    return GatewaySnapshot(1, {each.id: each for each in views})


@dataclass
class World:
    """Fleets, their clock, and what they told."""

    now: float = 100.0
    told: list[Change] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.pool = UpstreamPool(AddressGuard(), Deadlines())
        self.fleets = Fleets(self.pool, self, lambda: self.now)

    def changed(self, change: Change) -> None:
        self.told.append(change)

    def repeated(self, allowed: bool) -> None: ...

    def of(self, service: Service) -> Fleet:
        return self.fleets.of(view(service), service)

    def taken(self, fleet: Fleet, count: int, key: int | None = None) -> list[str]:
        """The hosts of so many requests, each of which ends before the next."""
        hosts = []
        for _ in range(count):
            member = fleet.take(key, self.now)
            assert member is not None
            fleet.over(member, member.condition.turn)
            hosts.append(member.target.host)
        return hosts

    def fail(self, fleet: Fleet, host: str, times: int = 1, verdict: Verdict = Verdict.FAILURE) -> None:
        for _ in range(times):
            member = named(fleet, host)
            fleet.judge(member, member.condition.turn, verdict, "503", self.now)


def named(fleet: Fleet, host: str) -> Member:
    return next(each for each in fleet.members if each.target.host == host)


def states(fleet: Fleet) -> dict[str, State]:
    return {each.target.host: each.condition.state for each in fleet.members}


@pytest.fixture
def world() -> World:
    return World()


def test_targets_are_taken_in_turn(world: World) -> None:
    assert world.taken(world.of(service("a", "b", "c")), 6) == ["a", "b", "c", "a", "b", "c"]


def test_the_turn_goes_on_when_the_config_changes(world: World) -> None:
    assert world.taken(world.of(service("a", "b")), 1) == ["a"]
    assert world.taken(world.of(service("a", "b", retries=Retries(2))), 1) == ["b"]


def test_the_target_with_the_fewest_requests_is_taken(world: World) -> None:
    fleet = world.of(service("a", "b", "c", balance=Balance(Policy.LEAST_REQUESTS)))
    held = [fleet.take(None, world.now) for _ in range(3)]
    assert {each.target.host for each in held if each} == {"a", "b", "c"}
    busy = fleet.take(None, world.now)
    free = next(each for each in held if each is not None and each is not busy)
    fleet.over(free, 0)
    again = fleet.take(None, world.now)
    assert again is free


def test_a_key_has_one_target_for_as_long_as_it_is_in_use(world: World) -> None:
    fleet = world.of(service("a", "b", "c", breaker=BREAKER, balance=Balance(Policy.HASH)))
    key = key_of(b"cart-7")
    (host,) = set(world.taken(fleet, 5, key))
    world.fail(fleet, host, 2)
    (other,) = set(world.taken(fleet, 5, key))
    assert other != host
    assert set(world.taken(fleet, 9)) == {"a", "b", "c"} - {host}


def test_a_target_whose_breaker_opens_gets_nothing_until_one_request_has_tried_it(world: World) -> None:
    fleet = world.of(service("a", "b", breaker=BREAKER))
    world.fail(fleet, "a", 2)
    assert states(fleet) == {"a": OPEN, "b": CLOSED}
    assert world.taken(fleet, 4) == ["b"] * 4
    world.now += 10.0
    trial = fleet.take(None, world.now)
    assert trial is named(fleet, "a")
    assert world.taken(fleet, 4) == ["b"] * 4  # while it is tried
    fleet.judge(trial, trial.condition.turn, Verdict.SUCCESS, "", world.now)
    assert set(world.taken(fleet, 4)) == {"a", "b"}
    assert [(each.before.state, each.member.target.host) for each in world.told] == [
        (CLOSED, "a"),
        (OPEN, "a"),
        (HALF_OPEN, "a"),
    ]


def test_a_trial_that_says_nothing_leaves_the_trial_to_another(world: World) -> None:
    fleet = world.of(service("a", "b", breaker=BREAKER))
    world.fail(fleet, "a", 2)
    world.now += 10.0
    trial = fleet.take(None, world.now)
    assert trial is not None
    fleet.judge(trial, trial.condition.turn, Verdict.NOTHING, "", world.now)
    fleet.over(trial, trial.condition.turn)
    assert fleet.take(None, world.now) is trial


def test_requests_that_were_sent_before_say_nothing_of_the_state_after(world: World) -> None:
    fleet = world.of(service("a", "b", breaker=BREAKER))
    member = named(fleet, "a")
    turn = member.condition.turn
    world.fail(fleet, "a", 2)
    world.now += 10.0
    assert fleet.take(None, world.now) is member
    fleet.judge(member, turn, Verdict.SUCCESS, "", world.now)
    assert member.condition.state is HALF_OPEN


def test_an_only_target_is_out_of_use_by_its_breaker_alone(world: World) -> None:
    fleet = world.of(service("a", breaker=BREAKER, health=HealthCheck("/")))
    fleet.checked(named(fleet, "a"), False, "503", world.now)
    assert world.taken(fleet, 1) == ["a"]
    fleet.checked(named(fleet, "a"), True, "", world.now)
    world.fail(fleet, "a", 2)
    assert fleet.take(None, world.now) is None
    assert fleet.wait_seconds(world.now + 3.5) == 7


def test_when_none_is_left_all_are_used(world: World) -> None:
    fleet = world.of(service("a", "b", breaker=BREAKER, health=HealthCheck("/")))
    world.fail(fleet, "a", 2)
    fleet.checked(named(fleet, "b"), False, "503", world.now)
    assert set(world.taken(fleet, 4)) == {"a", "b"}


def test_targets_that_were_tried_come_last(world: World) -> None:
    fleet = world.of(service("a", "b", "c"))
    a, b = named(fleet, "a"), named(fleet, "b")
    assert fleet.take(None, world.now, [a, b]) is named(fleet, "c")
    assert fleet.take(None, world.now, list(fleet.members)) in fleet.members


def test_a_target_that_comes_back_gets_its_share_bit_by_bit(world: World) -> None:
    fleet = world.of(service("a", "b", health=HealthCheck("/"), balance=Balance(slow_start=10.0)))
    assert Counter(world.taken(fleet, 100)) == {"a": 50, "b": 50}
    fleet.checked(named(fleet, "a"), False, "503", world.now)
    fleet.checked(named(fleet, "a"), True, "", world.now)
    cold = Counter(world.taken(fleet, 110))["a"]
    world.now += 5.0
    warm = Counter(world.taken(fleet, 150))["a"]
    world.now += 5.0
    assert (cold, warm, Counter(world.taken(fleet, 100))["a"]) == (10, 50, 50)


def test_what_is_known_of_a_target_outlives_the_config(world: World) -> None:
    fleet = world.of(service("a", "b", breaker=BREAKER))
    world.fleets.follow(snapshot(view(fleet.service)))
    world.fail(fleet, "a", 2)
    later = service("c", "a", breaker=BREAKER, retries=Retries(3))
    world.fleets.follow(snapshot(view(later)))
    assert states(world.of(later)) == {"c": CLOSED, "a": OPEN}


def test_a_request_under_the_config_before_takes_nothing_from_the_one_after(world: World) -> None:
    before, after = service("a", "b", breaker=BREAKER), service("b", "c", breaker=BREAKER)
    world.of(before)
    fleet = world.of(after)
    world.fail(fleet, "c", 2)
    world.of(before)
    assert states(world.of(after)) == {"b": CLOSED, "c": OPEN}


def test_a_target_that_the_config_names_no_more_is_forgotten(world: World) -> None:
    one, two = service("a", "b", breaker=BREAKER), service("b", breaker=BREAKER)
    world.fail(world.of(one), "a", 2)
    world.fleets.follow(snapshot(view(two)))
    world.fleets.follow(snapshot(view(one)))
    assert states(world.of(one)) == {"a": CLOSED, "b": CLOSED}
    world.fail(world.of(one), "a", 2)
    world.fleets.follow(snapshot())
    assert states(world.of(one)) == {"a": CLOSED, "b": CLOSED}


def test_what_the_config_does_not_ask_for_any_more_keeps_no_target_out_of_use(world: World) -> None:
    fleet = world.of(service("a", "b", breaker=BREAKER, health=HealthCheck("/")))
    world.fail(fleet, "a", 2)
    fleet.checked(named(fleet, "b"), False, "503", world.now)
    assert states(world.of(service("a", "b"))) == {"a": CLOSED, "b": CLOSED}


def test_a_target_that_joins_others_begins_slowly(world: World) -> None:
    slow = Balance(slow_start=10.0)
    world.of(service("a", balance=slow))
    fleet = world.of(service("a", "b", balance=slow))
    assert Counter(world.taken(fleet, 110)) == {"a": 100, "b": 10}


def test_verdicts_reach_the_targets_that_are_checked(world: World) -> None:
    checked = service("a", "b", health=HealthCheck("/"))
    config = snapshot(view(checked))
    assert world.fleets.follow(config)
    assert not world.fleets.follow(config)
    fleet = world.of(checked)
    a, b = (named(fleet, host).key for host in "ab")
    world.fleets.take_verdicts({a: (False, "503"), b: (True, ""), b._replace(host="gone"): (False, "")})
    assert states(fleet) == {"a": UNHEALTHY, "b": CLOSED}
    assert [each.target.host for each in world.fleets.out_of_use()] == ["a"]
    world.fleets.take_verdicts({a: (True, "")})
    assert states(fleet) == {"a": CLOSED, "b": CLOSED}
    assert [each.checks for each in world.told] == [True, True]


def test_tenants_know_nothing_of_each_others_targets(world: World) -> None:
    shared = service("a", "b", breaker=BREAKER)
    ours, theirs = world.fleets.of(view(shared), shared), world.fleets.of(view(shared, tenant=ACME), shared)
    world.fail(ours, "a", 2)
    assert states(theirs) == {"a": CLOSED, "b": CLOSED}
    assert not named(theirs, "a").lease.trusted
    allowed = world.fleets.of(view(shared, tenant=ACME, allow=True), shared)
    assert named(allowed, "a").lease.trusted


def test_a_suspended_tenants_targets_are_not_checked(world: World) -> None:
    checked = service("a", health=HealthCheck("/"))
    world.fleets.follow(snapshot(view(checked)))
    key = named(world.of(checked), "a").key
    assert world.fleets.member(key) is not None
    world.fleets.follow(snapshot(replace(view(checked), status=TenantStatus.SUSPENDED)))
    assert world.fleets.member(key) is None
