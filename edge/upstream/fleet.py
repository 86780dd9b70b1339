"""The targets of one service as one worker knows them: who is in use, how loaded each is, and whose turn it is.

Decides by `balance` and `breaker`; does no I/O. What is known of a target outlives the config that named it, for as
long as the next one names it, too. Each worker learns from its own requests; the verdicts of checks come from the one
worker of the host that asks.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from itertools import count
from math import ceil, inf
from typing import Final, NamedTuple, Protocol

from domain.tenants import DEFAULT_TENANT, TenantId
from edge.resilience import Policy
from edge.routing import Service, Target
from edge.snapshot import GatewaySnapshot, Rules, TenantStatus, TenantView
from edge.upstream.balance import Ring, Turns, least_loaded, warm_weight
from edge.upstream.breaker import (
    NEW,
    Condition,
    Event,
    State,
    Verdict,
    changed,
    in_use,
    judged,
    waited,
)
from edge.upstream.pool import Lease, UpstreamPool
from edge.upstream.retries import Budget

WARMING_SECONDS: Final = 0.5
"""How often the share of a target that comes back is raised."""


class TargetKey(NamedTuple):
    """Which target of which service of whom."""

    owner: TenantId
    service: str
    host: str
    port: int
    tls: bool


class Member:
    """One target. `in_flight` are this worker's requests to it; `trying`: one of them decides what becomes of it."""

    __slots__ = ("condition", "in_flight", "key", "lease", "target", "trying")

    def __init__(self, key: TargetKey, target: Target, lease: Lease, condition: Condition) -> None:
        self.key = key
        self.target = target
        self.lease = lease
        self.condition = condition
        self.in_flight = 0
        self.trying = False


class Change(NamedTuple):
    """A target has come to another state. `checks`: because of what the checks found."""

    member: Member
    before: Condition
    checks: bool


class Listener(Protocol):
    """Whoever wants to know what becomes of targets and requests."""

    def changed(self, change: Change) -> None:
        """A target has come to another state."""

    def repeated(self, allowed: bool) -> None:
        """A request was sent again, or was not because the budget is used up."""


class Fleet:
    """The targets of one compiled service, of at least one."""

    def __init__(
        self,
        service: Service,
        members: tuple[Member, ...],
        budget: Budget,
        turns: Iterator[int],
        listener: Listener,
        now: float,
    ) -> None:
        """`turns` and `budget` go on from those of the config before."""
        self.service: Final = service
        self.members: Final = members
        self.budget: Final = budget
        self.listener: Final = listener
        self._turns = turns
        self._ring: Ring | None = None
        if service.balance.policy is Policy.HASH:
            self._ring = Ring([each.target.name for each in members], [each.target.weight for each in members])
        self._used: tuple[int, ...] = ()
        self._trials: tuple[Member, ...] = ()
        self._weights: list[int] = []
        self._order = Turns([1])
        self._due = inf
        for member in members:
            if service.breaker is None:
                self._become(member, changed(member.condition, Event.BREAKER_REMOVED, "", None, now))
            if service.health is None:
                self._become(member, changed(member.condition, Event.CHECKS_REMOVED, "", None, now))
        self._arrange(now)

    # -- for requests ------------------------------------------------------------------------------------------

    def take(self, key: int | None, now: float, tried: Collection[Member] = ()) -> Member | None:
        """The target for a request, of those that were not tried for it if there are any; None when none is in use.

        `key` is what a hash goes by; without one targets are taken in turn. Whoever takes gives back by `over`.
        """
        if now >= self._due:
            self._arrange(now)
        for member in self._trials:
            if not member.trying and member not in tried:
                member.trying = True
                member.in_flight += 1
                return member
        used, members = self._used, self.members
        if not used:
            return None
        if tried:
            used = tuple(place for place in used if members[place] not in tried) or used
        if self._ring is not None and key is not None:
            place = self._ring.at(key, used)
        elif len(used) < len(self._used):
            place = used[next(self._turns) % len(used)]
        elif self.service.balance.policy is Policy.LEAST_REQUESTS:
            loads = [members[place].in_flight for place in used]
            place = used[least_loaded(loads, self._weights, next(self._turns))]
        else:
            place = used[self._order.at(next(self._turns))]
        member = members[place]
        member.in_flight += 1
        return member

    def judge(self, member: Member, turn: int, verdict: Verdict, reason: str, now: float) -> None:
        """Takes what a request says of its target; `turn` is that of the condition in which it was sent."""
        condition = member.condition
        if condition.turn == turn:
            self._become(member, judged(condition, verdict, reason, self.service.breaker, now))
            if member.condition.turn != turn:
                self._arrange(now)

    def over(self, member: Member, turn: int) -> None:
        """A request to the target has ended."""
        member.in_flight -= 1
        if member.condition.turn == turn:
            member.trying = False

    @property
    def usable(self) -> bool:
        """Whether a request would be given a target."""
        return bool(self._used) or any(not each.trying for each in self._trials)

    def wait_seconds(self, now: float) -> int:
        """How long until a target may be tried again, in whole seconds."""
        untils = [each.condition.until for each in self.members if each.condition.until < inf]
        return max(1, ceil(min(untils) - now)) if untils else 1

    # -- for checks --------------------------------------------------------------------------------------------

    def checked(self, member: Member, healthy: bool, reason: str, now: float) -> None:
        """Takes the verdict of the checks, which may have been the same before."""
        event = Event.CHECKS_PASSED if healthy else Event.CHECKS_FAILED
        before = member.condition.turn
        self._become(member, changed(member.condition, event, reason, self.service.breaker, now), checks=True)
        if member.condition.turn != before:
            self._arrange(now)

    # ----------------------------------------------------------------------------------------------------------

    def _become(self, member: Member, condition: Condition, *, checks: bool = False) -> None:
        before, member.condition = member.condition, condition
        if condition.turn != before.turn:
            member.trying = False
            self.listener.changed(Change(member, before, checks))

    def _arrange(self, now: float) -> None:
        """Finds out who is in use, and when that may be otherwise."""
        members, balance = self.members, self.service.balance
        for member in members:
            self._become(member, waited(member.condition, now))
        conditions = [member.condition for member in members]
        self._used = in_use([each.state for each in conditions], balance.panic_percent)
        self._trials = tuple(member for member in members if member.condition.state is State.HALF_OPEN)
        self._due = min(each.until for each in conditions)
        self._weights = []
        for place in self._used:
            age = now - conditions[place].since
            if age < balance.slow_start:
                self._due = min(self._due, now + WARMING_SECONDS)
            self._weights.append(warm_weight(members[place].target.weight, age, balance.slow_start))
        self._order = Turns(self._weights or [1])


class Fleets:
    """The fleets of one worker, by the service that they serve."""

    def __init__(self, pool: UpstreamPool, listener: Listener, clock: Callable[[], float]) -> None:
        """`clock` is the loop's."""
        self._pool = pool
        self._listener = listener
        self._clock = clock
        self._fleets: dict[tuple[TenantId, str], tuple[Fleet, bool, Iterator[int]]] = {}
        self._members: dict[tuple[TenantId, str], dict[TargetKey, Member]] = {}
        self._rules: dict[TenantId, tuple[Rules, bool]] = {}
        self._snapshot: GatewaySnapshot | None = None

    def of(self, governing: TenantView, service: Service) -> Fleet:
        """The fleet of a service of the config of `governing`; the service has targets."""
        owner = governing.rules.tenant
        return self._fleet(owner, service, trusted=is_trusted(governing))

    def _fleet(self, owner: TenantId, service: Service, *, trusted: bool) -> Fleet:
        named = (owner, service.name)
        known = self._fleets.get(named)
        if known is not None and known[0].service is service and known[1] is trusted:
            return known[0]
        now, members = self._clock(), self._members.setdefault(named, {})
        # a target that joins others comes back, in a way: it is as cold
        condition = replace(NEW, since=now) if members else NEW
        own = []
        for target in service.targets:
            key = TargetKey(owner, service.name, target.host, target.port, target.tls)
            lease = self._pool.lease(service, target, owner, trusted=trusted)
            member = members.get(key) or Member(key, target, lease, condition)
            member.lease, member.target = lease, target
            own.append(member)
        members.update((member.key, member) for member in own)
        percent = service.retries.budget_percent if service.retries is not None else 0
        turns: Iterator[int] = count()
        budget = Budget(percent)
        if known is not None:
            turns = known[2]
            if known[0].budget.percent == percent:
                budget = known[0].budget
        fleet = Fleet(service, tuple(own), budget, turns, self._listener, now)
        self._fleets[named] = fleet, trusted, turns
        return fleet

    def follow(self, snapshot: GatewaySnapshot) -> bool:
        """Keeps what the config names, forgets all else, and has a fleet for each service whose targets are checked;
        tells whether anything was new."""
        if snapshot is self._snapshot:
            return False
        self._snapshot, present = snapshot, governed(snapshot)
        for owner, (rules, trusted) in present.items():
            if self._rules.get(owner) != (rules, trusted):
                self._keep(owner, rules, trusted)
        gone = self._rules.keys() - present.keys()
        for named in [each for each in self._members if each[0] in gone]:
            self._forget(named)
        self._rules = present
        return True

    def _keep(self, owner: TenantId, rules: Rules, trusted: bool) -> None:
        services = {service.name: service for service in rules.services}
        for named in [each for each in self._members if each[0] == owner]:
            service = services.get(named[1])
            if service is None or not service.targets:
                self._forget(named)
                continue
            addresses = {(each.host, each.port, each.tls) for each in service.targets}
            members = self._members[named]
            for key in [each for each in members if (each.host, each.port, each.tls) not in addresses]:
                del members[key]
        for service in rules.services:
            if service.targets and (service.health is not None or (owner, service.name) in self._members):
                self._fleet(owner, service, trusted=trusted)

    def _forget(self, named: tuple[TenantId, str]) -> None:
        self._members.pop(named, None)
        self._fleets.pop(named, None)

    def take_verdicts(self, verdicts: Mapping[TargetKey, tuple[bool, str]]) -> None:
        """Takes the verdicts of the checks, with the reason of each."""
        now = self._clock()
        for key, (healthy, reason) in verdicts.items():
            known = self._fleets.get((key.owner, key.service))
            member = self._members.get((key.owner, key.service), {}).get(key)
            if known is not None and member is not None and known[0].service.health is not None:
                known[0].checked(member, healthy, reason, now)

    def member(self, key: TargetKey) -> Member | None:
        """What is known of a target."""
        return self._members.get((key.owner, key.service), {}).get(key)

    def out_of_use(self) -> Iterator[Member]:
        """The targets that are not sent all that is their share."""
        for members in self._members.values():
            for member in members.values():
                if member.condition.state is not State.CLOSED:
                    yield member


def is_trusted(governing: TenantView) -> bool:
    """Whether the targets of a config may have private addresses. Their owner is whoever named them, not whoever
    acts."""
    return governing.rules.tenant == DEFAULT_TENANT or governing.targets_allow


def governed(snapshot: GatewaySnapshot) -> dict[TenantId, tuple[Rules, bool]]:
    """The configs that are in force, by their owners, and whether their targets may have private addresses."""
    return {
        view.rules.tenant: (view.rules, is_trusted(view))
        for view in snapshot.tenants.values()
        if view.status is TenantStatus.ACTIVE
    }
