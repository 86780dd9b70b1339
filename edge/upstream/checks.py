"""Asks the targets of all services that want it how they are, in one worker of a machine; the others read the verdicts.

Never a storm: each target has its own time, give or take a tenth, and there are bounds on the questions of one tenant
at once, of all tenants at once, and of a second. Beyond them checks come later, not more often.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import Final, NamedTuple, Protocol

from domain.tenants import TenantId
from edge.resilience import HealthCheck
from edge.routing import Service, Target
from edge.snapshot import GatewaySnapshot
from edge.upstream.breaker import Checked, checked
from edge.upstream.fleet import Fleets, TargetKey, governed
from edge.upstream.verdicts import SharedVerdicts, Verdicts

TICK_SECONDS: Final = 0.1
SHARE_SECONDS: Final = 0.5
"""How often a worker looks for a new config, for what the one that asks has found, and whether there is none."""
RENEW_SECONDS: Final = 5.0
"""How often the verdicts are written although nothing is new, so that they are known to be of now."""
PER_TICK: Final = 20
AT_ONCE: Final = 64
AT_ONCE_OF_TENANT: Final = 8
FIRST_SECONDS: Final = 1.0
"""Within which a new target is asked for the first time, spread evenly."""
JITTER: Final = 0.1


class Seen(NamedTuple):
    """One check: when it was made (seconds since 1970), what its target counts as after it, why, how long it took."""

    key: TargetKey
    time: float
    healthy: bool
    reason: str
    seconds: float


class Ask(Protocol):
    """Whoever asks one target; tells what is wrong with it, empty when nothing is."""

    async def __call__(self, service: Service, target: Target, owner: TenantId, *, trusted: bool) -> str: ...


@dataclass(slots=True)
class _Watched:
    service: Service
    target: Target
    trusted: bool
    rules: HealthCheck
    found: Checked


class Checker:
    """The checks of one worker, whether it is the one that asks or not."""

    def __init__(
        self,
        fleets: Fleets,
        snapshot: Callable[[], GatewaySnapshot],
        ask: Ask,
        shared: SharedVerdicts,
        note: Callable[[Seen], None],
        unit: Callable[[], float],
        draining: Callable[[], bool] = lambda: False,
    ) -> None:
        """`note` takes each check that this worker makes; `unit` gives a number from 0 up to 1. A worker that drains
        leaves the asking to another."""
        self._fleets = fleets
        self._snapshot = snapshot
        self._ask = ask
        self._shared = shared
        self._note = note
        self._unit = unit
        self._draining = draining
        self.asks = False
        """Whether this worker is the one that asks."""
        self._verdicts: Verdicts = {}
        self._planned: GatewaySnapshot | None = None
        self._plan: dict[TargetKey, _Watched] = {}
        self._due: list[tuple[float, int, TargetKey, _Watched]] = []
        self._numbers = count()
        self._under_way: Counter[TenantId] = Counter()
        self._dirty = False
        self._written_at = self._shared_at = float("-inf")

    async def run(self) -> None:
        """Asks, or reads, until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.TaskGroup() as asking:
                while True:
                    self.step(loop.time(), asking)
                    await asyncio.sleep(TICK_SECONDS)
        finally:
            self._shared.release()

    def step(self, now: float, asking: asyncio.TaskGroup) -> None:
        """Does what is due at `now`; questions become tasks of the group."""
        if now - self._shared_at >= SHARE_SECONDS:
            self._shared_at = now
            self._share(now)
        if self.asks:
            self._start(now, asking)

    def _share(self, now: float) -> None:
        snapshot = self._snapshot()
        new = self._fleets.follow(snapshot)
        if self._draining():
            self.asks, self._plan = False, {}
            self._shared.release()
        elif not self.asks and self._shared.claim():
            self.asks, self._planned = True, None
            self._verdicts.update(self._shared.read() or {})  # of the one before
        if self.asks:
            if self._planned is not snapshot:
                self._planned = snapshot
                self._make_plan(snapshot, now)
            if self._dirty or now - self._written_at >= RENEW_SECONDS:
                self._dirty, self._written_at = False, now
                self._shared.write(self._verdicts)
        elif (read := self._shared.read()) is not None:
            self._verdicts, new = read, True
        if new:
            self._fleets.take_verdicts(self._verdicts)

    def _make_plan(self, snapshot: GatewaySnapshot, now: float) -> None:
        plan: dict[TargetKey, _Watched] = {}
        for owner, (rules, trusted) in governed(snapshot).items():
            for service in rules.services:
                for target in service.targets if service.health is not None else ():
                    key = TargetKey(owner, service.name, target.host, target.port, target.tls)
                    if key not in plan and service.health is not None:
                        plan[key] = self._watched(key, service, target, trusted, service.health, now)
        self._plan = plan
        self._verdicts = {key: verdict for key, verdict in self._verdicts.items() if key in plan}
        self._dirty = True

    def _watched(
        self, key: TargetKey, service: Service, target: Target, trusted: bool, rules: HealthCheck, now: float
    ) -> _Watched:
        """The target as it is asked from now on; as before where nothing about that has changed."""
        before = self._plan.get(key)
        if (
            before is not None
            and (before.rules, before.trusted) == (rules, trusted)
            and before.service.trust == service.trust
        ):
            before.service = service
            return before
        found = (
            before.found if before is not None else Checked(self._verdicts[key][0] if key in self._verdicts else None)
        )
        watched = _Watched(service, target, trusted, rules, found)
        self._later(key, watched, now + self._unit() * min(FIRST_SECONDS, rules.interval))
        return watched

    def _later(self, key: TargetKey, watched: _Watched, due: float) -> None:
        heappush(self._due, (due, next(self._numbers), key, watched))

    def _start(self, now: float, asking: asyncio.TaskGroup) -> None:
        due = self._due
        for _ in range(PER_TICK):
            if not due or due[0][0] > now or self._under_way.total() >= AT_ONCE:
                return
            _, _, key, watched = heappop(due)
            if self._plan.get(key) is not watched:
                continue  # the config asks for it no more, or otherwise
            if self._under_way[key.owner] >= AT_ONCE_OF_TENANT:
                self._later(key, watched, now + TICK_SECONDS)
                continue
            self._under_way[key.owner] += 1
            asking.create_task(self._check(key, watched))

    async def _check(self, key: TargetKey, watched: _Watched) -> None:
        began, at = time.perf_counter(), time.time()
        try:
            wrong = await self._ask(watched.service, watched.target, key.owner, trusted=watched.trusted)
        finally:
            self._under_way[key.owner] -= 1
            if not self._under_way[key.owner]:
                del self._under_way[key.owner]
        if self._plan.get(key) is not watched:
            return
        rules, before = watched.rules, watched.found
        watched.found = found = checked(before, not wrong, rules)
        healthy, reason = bool(found.healthy), _reason(found, wrong, rules)
        if found.healthy is not before.healthy or key not in self._verdicts:
            self._verdicts[key] = healthy, wrong
            self._dirty = True
            self._fleets.take_verdicts({key: (healthy, wrong)})
        self._note(Seen(key, at, healthy, reason, time.perf_counter() - began))
        wait = rules.interval * (1 - JITTER + 2 * JITTER * self._unit())
        self._later(key, watched, asyncio.get_running_loop().time() + wait)


def _reason(found: Checked, wrong: str, rules: HealthCheck) -> str:
    if not found.in_a_row:
        return wrong
    if wrong:
        return f"{wrong}, {found.in_a_row} of {rules.unhealthy_after} in a row"
    return f"well again, {found.in_a_row} of {rules.healthy_after} in a row"
