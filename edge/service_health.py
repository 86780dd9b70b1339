"""How the services of the tenant `default` are doing: asked when somebody wants to know, and not twice in 30 s.

However many want to know, there is one round of questions at a time, with so many questions at once and so much time
at most. A service that does not answer in time cannot hold the others up.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from edge.builtin.models import ServiceState
from edge.routing import Service, Target
from edge.snapshot import Rules

FRESH_SECONDS = 30.0
ROUND_SECONDS = 2.0
AT_ONCE = 16


class Sighting(NamedTuple):
    """The states of all services by name, and when they were asked."""

    services: Mapping[str, ServiceState]
    at: datetime


class ServiceHealth(Protocol):
    """Whoever knows how the services are doing."""

    async def look(self) -> Sighting:
        """The states as they are now, or were a moment ago."""

    def last(self) -> Mapping[str, tuple[str, float]]:
        """The status of each service as it was last seen, and when, in seconds since 1970. Does no I/O."""


class AskedServices:
    """Asks by itself. `rules` are those of `default` in force, None before the first; `ask` tells what is wrong with
    a target, given the path to ask for."""

    def __init__(
        self,
        rules: Callable[[], Rules | None],
        ask: Callable[[Service, Target], Awaitable[str]],
        *,
        clock: Callable[[], float] = time.monotonic,
        round_seconds: float = ROUND_SECONDS,
    ) -> None:
        self._rules = rules
        self._ask = ask
        self._clock = clock
        self._round_seconds = round_seconds
        self._asking = asyncio.Lock()
        self._seen: Sighting | None = None
        self._seen_rules: Rules | None = None
        self._fresh_until = 0.0

    async def look(self) -> Sighting:
        """The states, at most 30 s old; of other services than those of the present document never."""
        async with self._asking:
            rules = self._rules()
            if self._seen is None or rules is not self._seen_rules or self._clock() >= self._fresh_until:
                services = rules.services if rules is not None else ()
                self._seen = Sighting(await self._round(services), datetime.now(UTC))
                self._seen_rules = rules
                self._fresh_until = self._clock() + FRESH_SECONDS
            return self._seen

    def last(self) -> Mapping[str, tuple[str, float]]:
        """The status of each service of the present document as it was last seen; unknown before that."""
        rules, seen = self._rules(), self._seen
        states = seen.services if seen is not None else {}
        at = seen.at.timestamp() if seen is not None else 0.0
        names = [service.name for service in rules.services] if rules is not None else []
        return {name: (states[name].status, at) if name in states else ("unknown", 0.0) for name in names}

    async def _round(self, services: Sequence[Service]) -> Mapping[str, ServiceState]:
        wrong: dict[str, list[str]] = {service.name: [] for service in services}
        questions = iter([(service, target) for service in services for target in service.targets])

        async def ask() -> None:
            for service, target in questions:  # which all askers share
                wrong[service.name].append(await self._ask(service, target))

        try:
            async with asyncio.timeout(self._round_seconds), asyncio.TaskGroup() as askers:
                for _ in range(AT_ONCE):
                    askers.create_task(ask())
        except TimeoutError:
            pass  # what is not known by then is said to be unknown
        return {service.name: state_of(wrong[service.name], len(service.targets)) for service in services}


def state_of(wrong: Sequence[str], targets: int) -> ServiceState:
    """The state of a service by what is wrong with those of its targets that were heard of; empty: nothing."""
    faults = [fault for fault in wrong if fault]
    if len(wrong) < targets and len(faults) == len(wrong):
        return ServiceState(status="unknown", detail="not asked in time")
    if not faults:
        return ServiceState(status="healthy")
    number = f"{len(faults)} of {targets} targets: " if targets > 1 else ""
    detail = number + ", ".join(dict.fromkeys(faults))
    return ServiceState(status="degraded" if len(faults) < len(wrong) else "unhealthy", detail=detail)
