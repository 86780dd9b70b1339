"""Check over the store of a cluster, on a socket of its own as Envoys find it."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import grpc
from penstock.envoy.v3 import authorization_pb2 as pb
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from authsvc.authentication import Authentication
from authsvc.authorization.servicer import METHOD, AuthorizationServicer, listen_for_envoy
from authsvc.authorization.tenants import Tenants
from authsvc.lookup import Lookup
from authsvc.memory import Memory
from authsvc.peppers import load_peppers
from svckit.channels import open_channel
from svckit.encryption import Keyring
from svckit.metrics import RpcMetrics
from tests.authsvc.replica import Cluster, Replica, Tenant

from .places import known, snapshot

DEADLINE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Judging:
    """The listener at `target`, and a replica that makes keys; `tenants` are those that are known to it."""

    target: str
    replica: Replica
    tenants: Tenants
    registry: CollectorRegistry

    async def tenant(self, slug: str, **state: Any) -> Tenant:
        """A new tenant, and what is known of it."""
        tenant = await self.replica.tenant()
        self.tenants.put(snapshot(slug, tenant.id, tenant.short_id, **state))
        return tenant

    async def check(self, request: pb.CheckRequest) -> pb.CheckResponse:
        """What Envoy would be answered."""
        async with open_channel(self.target, None, "authsvc") as channel, asyncio.timeout(DEADLINE_SECONDS):
            return await checking(channel)(request)


def checking(channel: grpc.aio.Channel) -> "grpc.aio.UnaryUnaryMultiCallable[pb.CheckRequest, pb.CheckResponse]":
    """The rpc on a channel."""
    return channel.unary_unary(
        METHOD, request_serializer=pb.CheckRequest.SerializeToString, response_deserializer=pb.CheckResponse.FromString
    )


@asynccontextmanager
async def judging(folder: Path, cluster: Cluster, *, token: str | None = None) -> AsyncIterator[Judging]:
    """Serves while entered. `folder` has a short path."""
    registry, tenants = CollectorRegistry(), known()

    async def told() -> Tenants:
        return tenants

    async with AsyncExitStack() as stack:
        replica = await stack.enter_async_context(cluster.replica())
        pool: Any = await stack.enter_async_context(asyncpg.create_pool(cluster.url, min_size=1, max_size=4))
        async with pool.acquire() as connection:
            peppers = await load_peppers(connection, Keyring.load(cluster.kek_file))
        authentication = Authentication(pool, Lookup(pool, peppers), Memory(), registry)
        servicer = AuthorizationServicer(authentication, told, registry)
        secret = None if token is None else SecretStr(token)
        address = f"unix:{folder / secrets.token_hex(4)}.sock"
        _, (target,) = await listen_for_envoy(stack, servicer, [address], secret, RpcMetrics(registry))
        yield Judging(target, replica, tenants, registry)
