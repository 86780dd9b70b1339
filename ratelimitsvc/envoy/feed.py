"""The policies of all tenants, kept current by a watch on configsvc. What was learned once holds while that is away."""

import asyncio
from collections.abc import Callable
from typing import Final
from uuid import uuid4

import grpc
import structlog
from penstock.config.v1 import config_service_pb2 as pb
from penstock.config.v1 import config_service_pb2_grpc
from penstock.errors.v1 import error_reason_pb2 as reasons

from domain.tenants import DEFAULT_SLUG
from ratelimitsvc.envoy.policies import DescriptorPolicies
from svckit.backoff import delays
from svckit.channels import open_stream
from svckit.errors import Fault

_SCOPE: Final = "default"  # all tenants
_BACKOFF_SCALE: Final = 0.2
_NONE: Final = DescriptorPolicies()
log = structlog.get_logger()


class PolicyFeed:
    """Descriptor policies by domain, which is a tenant's slug."""

    def __init__(self, channel: grpc.aio.Channel, *, unit: Callable[[], float]) -> None:
        self._stub = config_service_pb2_grpc.ConfigServiceStub(channel)
        self._instance = pb.Instance(gateway_id="ratelimitsvc", boot_id=str(uuid4()))
        self._unit = unit
        self._waits = delays(unit, scale=_BACKOFF_SCALE)
        self._revision = 0
        self._slugs: dict[str, str] = {}  # by tenant id
        self._policies: dict[str, DescriptorPolicies | None] = {}  # by slug; None: default's
        self.synced = asyncio.Event()

    def policies(self, domain: str) -> DescriptorPolicies:
        """Those in force, none for a domain that is not known; Fault UNAVAILABLE before anything is known."""
        if not self.synced.is_set():
            raise Fault(reasons.ERROR_REASON_UNAVAILABLE, "The policies are not here yet.")
        found = self._policies.get(domain, _NONE)
        return found if found is not None else self._policies.get(DEFAULT_SLUG) or _NONE

    async def run(self) -> None:
        """Watches until cancelled."""
        while True:
            request = pb.WatchConfigRequest(instance=self._instance, scope=_SCOPE, resume_from=self._revision)
            try:
                async with open_stream(self._stub.WatchConfig(request)) as stream:
                    async for event in stream:
                        self._take(event)
            except grpc.aio.AioRpcError as error:
                log.warning("policies cannot be watched", code=error.code().name, details=error.details())
            await asyncio.sleep(next(self._waits))

    def _take(self, event: pb.WatchConfigResponse) -> None:
        match event.WhichOneof("event"):
            case "snapshot":
                self._take_snapshot(event.snapshot)
                self._reached(event.snapshot.revision)
            case "tombstone":
                self._forget(event.tombstone.tenant_id)
                self._reached(event.tombstone.revision)
            case "sync_complete":
                self._revision = max(self._revision, event.sync_complete.revision)
                self._waits = delays(self._unit, scale=_BACKOFF_SCALE)
                self.synced.set()

    def _take_snapshot(self, snapshot: pb.TenantSnapshot) -> None:
        self._forget(snapshot.tenant.id)
        slug, config = snapshot.tenant.slug, snapshot.config
        self._slugs[snapshot.tenant.id] = slug
        self._policies[slug] = None if config.inherit_default else DescriptorPolicies(config.limits.descriptors)

    def _forget(self, tenant_id: str) -> None:
        slug = self._slugs.pop(tenant_id, None)
        if slug is not None:
            del self._policies[slug]

    def _reached(self, revision: int) -> None:
        """Before the first sync nothing counts as held: tombstones come first, out of their order."""
        if self.synced.is_set():
            self._revision = max(self._revision, revision)
