"""Follows the stream of configsvc for a service that reads along: it says what it has to nobody and acknowledges
nothing, as gateways do. What was learned once holds while configsvc is away.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol
from uuid import uuid4

import grpc
import structlog
from penstock.config.v1 import config_service_pb2 as pb
from penstock.config.v1 import config_service_pb2_grpc

from svckit.backoff import delays
from svckit.channels import open_stream

_SCOPE: Final = "default"  # all tenants
_BACKOFF_SCALE: Final = 0.2
log = structlog.get_logger()


class Reader(Protocol):
    """Keeps of the stream what it needs."""

    def put(self, snapshot: pb.TenantSnapshot) -> None:
        """Takes the newest state of a tenant, in place of an earlier one."""

    def drop(self, tenant_id: str) -> None:
        """Forgets a tenant, which may be unknown."""


class ConfigWatch:
    """The watch of the process `name`."""

    def __init__(self, channel: grpc.aio.Channel, name: str, reader: Reader, *, unit: Callable[[], float]) -> None:
        self._stub = config_service_pb2_grpc.ConfigServiceStub(channel)
        self._instance = pb.Instance(gateway_id=name, boot_id=str(uuid4()))
        self._reader = reader
        self._unit = unit
        self._waits = delays(unit, scale=_BACKOFF_SCALE)
        self._revision = 0
        self.synced = asyncio.Event()
        """Set once the reader has all there is."""

    async def run(self) -> None:
        """Watches until cancelled."""
        while True:
            request = pb.WatchConfigRequest(instance=self._instance, scope=_SCOPE, resume_from=self._revision)
            try:
                async with open_stream(self._stub.WatchConfig(request)) as stream:
                    async for event in stream:
                        self._take(event)
            except grpc.aio.AioRpcError as error:
                log.warning("the config cannot be watched", code=error.code().name, details=error.details())
            await asyncio.sleep(next(self._waits))

    def _take(self, event: pb.WatchConfigResponse) -> None:
        match event.WhichOneof("event"):
            case "snapshot":
                self._reader.put(event.snapshot)
                self._reached(event.snapshot.revision)
            case "tombstone":
                self._reader.drop(event.tombstone.tenant_id)
                self._reached(event.tombstone.revision)
            case "sync_complete":
                self._revision = max(self._revision, event.sync_complete.revision)
                self._waits = delays(self._unit, scale=_BACKOFF_SCALE)
                self.synced.set()

    def _reached(self, revision: int) -> None:
        """Before the first sync nothing counts as held: tombstones come first, out of their order."""
        if self.synced.is_set():
            self._revision = max(self._revision, revision)
