"""The standard health and reflection services; NOT_SERVING until told otherwise.

Own code in place of grpcio-health-checking's servicer: that one answers SERVING for "" before anything is set,
and its watches stay open while the process drains.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any, Final

from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2_grpc
from grpc_reflection.v1alpha.reflection import SERVICE_NAME as REFLECTION
from grpc_reflection.v1alpha.reflection import aio
from penstock.errors.v1 import error_reason_pb2 as reasons

from svckit.drain import Drain
from svckit.errors import Fault
from svckit.interceptors.identity import PUBLIC, MethodTable
from svckit.interceptors.shape import Context
from svckit.switchboard import Mount

METHODS: Final[MethodTable] = {
    "/grpc.health.v1.Health/Check": PUBLIC,
    "/grpc.health.v1.Health/List": PUBLIC,
    "/grpc.health.v1.Health/Watch": PUBLIC,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": PUBLIC,
}
_Response = health_pb2.HealthCheckResponse


class Health:
    """The health of a process: all of its services, and "" for the whole, go up and down together."""

    def __init__(self, services: Iterable[str], drain: Drain) -> None:
        self._services: Final = frozenset({"", *services})
        self._drain = drain
        self._serving = False
        self._changed = asyncio.Event()

    def set_serving(self, serving: bool) -> None:
        """Tells those who check and those who watch."""
        self._serving = serving
        self._changed.set()
        self._changed = asyncio.Event()

    async def Check(self, request: Any, _context: Context) -> Any:
        """The status of one service; NOT_FOUND for a service that is not here."""
        if request.service not in self._services:
            raise Fault(reasons.ERROR_REASON_NOT_FOUND)
        return _Response(status=self._status())

    async def List(self, _request: Any, _context: Context) -> Any:
        """The status of every service."""
        statuses = {service: _Response(status=self._status()) for service in self._services}
        return health_pb2.HealthListResponse(statuses=statuses)

    async def Watch(self, request: Any, _context: Context) -> AsyncIterator[Any]:
        """The status of one service now and at every change, until the drain."""
        told = None
        while True:
            changed = self._changed
            status = self._status() if request.service in self._services else _Response.SERVICE_UNKNOWN
            if status != told:
                yield _Response(status=status)
                told = status
            elif self._drain.started:
                return
            await self._drain.unless_started(changed.wait())

    def _status(self) -> Any:
        return _Response.SERVING if self._serving else _Response.NOT_SERVING


class Reflection:
    """The standard reflection service, ending its streams on drain."""

    def __init__(self, services: Iterable[str], drain: Drain) -> None:
        self._servicer = aio.ReflectionServicer(sorted(services))
        self._drain = drain

    async def ServerReflectionInfo(self, requests: Any, context: Context) -> AsyncIterator[Any]:
        """Describes services to tools such as grpcurl."""
        async for answer in self._servicer.ServerReflectionInfo(self._drain.until(aiter(requests)), context):
            yield answer


def health_mounts(health: Health, services: Iterable[str], drain: Drain) -> tuple[Mount, ...]:
    """Health and reflection for `services`, ready to mount."""
    described = (*services, REFLECTION, "grpc.health.v1.Health")
    return (
        Mount(health_pb2_grpc.add_HealthServicer_to_server, health),
        Mount(reflection_pb2_grpc.add_ServerReflectionServicer_to_server, Reflection(described, drain)),
    )
