"""configsvc's stream, played over real gRPC."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

import grpc
from google.protobuf.message import Message
from penstock.config.v1 import config_service_pb2 as pb
from penstock.config.v1 import gateway_config_pb2 as config_pb
from penstock.config.v1 import tenant_pb2

from domain.tenants import DEFAULT_TENANT
from svckit.interceptors.shape import Context

_SERVICE: Final = "penstock.config.v1.ConfigService"
METHODS = {f"/{_SERVICE}/WatchConfig": frozenset({"ratelimitsvc"})}


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


def tenant(slug: str, revision: int, *limits: config_pb.DescriptorLimit, tenant_id: str = "") -> pb.TenantSnapshot:
    """A tenant with these limits of descriptors."""
    identifier = DEFAULT_TENANT if slug == "default" else tenant_id or f"id of {slug}"
    return pb.TenantSnapshot(
        revision=revision,
        tenant=tenant_pb2.Tenant(id=identifier, slug=slug),
        config=config_pb.GatewayConfig(limits=config_pb.Limits(descriptors=limits)),
    )


def inheriting(slug: str, revision: int) -> pb.TenantSnapshot:
    """A tenant with the document of `default`."""
    snapshot = tenant(slug, revision)
    snapshot.config.CopyFrom(config_pb.GatewayConfig(inherit_default=True))
    return snapshot
