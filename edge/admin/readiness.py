"""Whether the services behind the management API serve, asked at most once a second however often it is read."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import grpc
from grpc_health.v1 import health_pb2

_CHECK_SECONDS: Final = 1.0
_FRESH_SECONDS: Final = 1.0


class Readiness:
    """The state of each service by name: `serving`, `not_serving` or `unreachable`."""

    def __init__(self, health: Mapping[str, Any], clock: Callable[[], float] = time.monotonic) -> None:
        self._health = health
        self._clock = clock
        self._asked = asyncio.Lock()
        self._known_until = 0.0
        self._known: Mapping[str, str] = {}

    async def services(self) -> Mapping[str, str]:
        """The states, at most a second old. Those who ask at the same time share one round of checks."""
        async with self._asked:
            if self._clock() >= self._known_until:
                states = await asyncio.gather(*(_state(stub.Check) for stub in self._health.values()))
                self._known = dict(zip(self._health, states, strict=True))
                self._known_until = self._clock() + _FRESH_SECONDS
        return self._known


async def _state(check: Callable[..., Awaitable[Any]]) -> str:
    try:
        answer = await check(health_pb2.HealthCheckRequest(), timeout=_CHECK_SECONDS)
    except grpc.aio.AioRpcError:
        return "unreachable"
    return "serving" if answer.status == health_pb2.HealthCheckResponse.SERVING else "not_serving"
