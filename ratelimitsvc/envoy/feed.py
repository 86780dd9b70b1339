"""The policies of all tenants, kept current by a watch on configsvc. What was learned once holds while that is away."""

import asyncio
from collections.abc import Callable
from typing import Final

import grpc
from penstock.config.v1 import config_service_pb2 as pb
from penstock.errors.v1 import error_reason_pb2 as reasons

from domain.tenants import DEFAULT_SLUG
from ratelimitsvc.envoy.policies import DescriptorPolicies
from svckit.config_watch import ConfigWatch
from svckit.errors import Fault

_NONE: Final = DescriptorPolicies()


class PolicyFeed:
    """Descriptor policies by domain, which is a tenant's slug."""

    def __init__(self, channel: grpc.aio.Channel, *, unit: Callable[[], float]) -> None:
        self._watch = ConfigWatch(channel, "ratelimitsvc", self, unit=unit)
        self._slugs: dict[str, str] = {}  # by tenant id
        self._policies: dict[str, DescriptorPolicies | None] = {}  # by slug; None: default's

    @property
    def synced(self) -> asyncio.Event:
        """Set once the policies are known."""
        return self._watch.synced

    async def run(self) -> None:
        """Keeps the policies current until cancelled."""
        await self._watch.run()

    def policies(self, domain: str) -> DescriptorPolicies:
        """Those in force, none for a domain that is not known; Fault UNAVAILABLE before anything is known."""
        if not self.synced.is_set():
            raise Fault(reasons.ERROR_REASON_UNAVAILABLE, "The policies are not here yet.")
        found = self._policies.get(domain, _NONE)
        return found if found is not None else self._policies.get(DEFAULT_SLUG) or _NONE

    def put(self, snapshot: pb.TenantSnapshot) -> None:
        """Puts a tenant's policies in force; for the watch."""
        self.drop(snapshot.tenant.id)
        slug, config = snapshot.tenant.slug, snapshot.config
        self._slugs[snapshot.tenant.id] = slug
        self._policies[slug] = None if config.inherit_default else DescriptorPolicies(config.limits.descriptors)

    def drop(self, tenant_id: str) -> None:
        """Ends those of a tenant; for the watch."""
        slug = self._slugs.pop(tenant_id, None)
        if slug is not None:
            del self._policies[slug]
