"""configsvc's stream, played over real gRPC."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
from google.protobuf.message import Message
from penstock.config.v1 import config_service_pb2 as pb

from svckit.interceptors.shape import Context

_SERVICE: Final = "penstock.config.v1.ConfigService"
METHODS = {f"/{_SERVICE}/WatchConfig": frozenset({"authsvc", "ratelimitsvc"})}


@dataclass
class FakeConfig:
    """Sends what is put into `events` to the watch that is open, and keeps what was asked; None ends the watch."""

    events: "asyncio.Queue[pb.WatchConfigResponse | None]" = field(default_factory=asyncio.Queue)
    requests: "asyncio.Queue[pb.WatchConfigRequest]" = field(default_factory=asyncio.Queue)

    async def WatchConfig(
        self, request: pb.WatchConfigRequest, _context: Context
    ) -> AsyncIterator[pb.WatchConfigResponse]:
        self.requests.put_nowait(request)
        while (event := await self.events.get()) is not None:
            yield event

    def tell(self, *events: Message | None) -> None:
        """Sends a snapshot, a tombstone, the news that all was sent, or the end."""
        for event in events:
            match event:
                case pb.TenantSnapshot():
                    self.events.put_nowait(pb.WatchConfigResponse(snapshot=event))
                case pb.TenantTombstone():
                    self.events.put_nowait(pb.WatchConfigResponse(tombstone=event))
                case pb.SyncComplete():
                    self.events.put_nowait(pb.WatchConfigResponse(sync_complete=event))
                case _:
                    self.events.put_nowait(None)


def add_watch(config: FakeConfig, server: Any) -> None:
    """Mounts the one rpc that it plays."""
    handler = grpc.unary_stream_rpc_method_handler(
        config.WatchConfig,
        request_deserializer=pb.WatchConfigRequest.FromString,
        response_serializer=pb.WatchConfigResponse.SerializeToString,
    )
    server.add_registered_method_handlers(_SERVICE, {"WatchConfig": handler})
