"""ShouldRateLimit on a real Redis, on a socket of its own."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from penstock.envoy.v3 import rate_limit_pb2 as pb
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from ratelimitsvc.batch import Layout
from ratelimitsvc.counters import Counters, script
from ratelimitsvc.decider import Decider
from ratelimitsvc.envoy.policies import DescriptorPolicies
from ratelimitsvc.envoy.servicer import SERVICE, EnvoyServicer, listen_for_envoy
from ratelimitsvc.gate import Gate
from ratelimitsvc.metrics import LimitMetrics
from ratelimitsvc.redis_pipe import RedisPipe
from svckit.channels import open_channel
from svckit.metrics import RpcMetrics

DEADLINE_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Served:
    """The listener; `policies` are those of every domain."""

    target: str
    server: grpc.aio.Server
    registry: CollectorRegistry

    async def ask(
        self,
        *descriptors: pb.RateLimitDescriptor,
        domain: str = "acme",
        hits: int = 0,
        metadata: tuple[tuple[str, str], ...] = (),
    ) -> pb.RateLimitResponse:
        """What Envoy would be answered."""
        request = pb.RateLimitRequest(domain=domain, descriptors=descriptors, hits_addend=hits)
        async with open_channel(self.target, None, "ratelimitsvc") as channel:
            return await asking(channel)(request, metadata=metadata)


def asking(channel: grpc.aio.Channel) -> "grpc.aio.UnaryUnaryMultiCallable[pb.RateLimitRequest, pb.RateLimitResponse]":
    """The rpc on a channel."""
    return channel.unary_unary(
        f"/{SERVICE}/ShouldRateLimit",
        request_serializer=pb.RateLimitRequest.SerializeToString,
        response_deserializer=pb.RateLimitResponse.FromString,
    )


@asynccontextmanager
async def serving_envoy(
    folder: Path,
    redis_url: str,
    policies: DescriptorPolicies,
    *,
    token: str | None = None,
    connected: bool = True,
) -> AsyncIterator[Served]:
    """Serves while entered. `folder` has a short path."""
    text = script()
    pipe = RedisPipe(redis_url, opening=("SCRIPT", "LOAD", text), silence_seconds=DEADLINE_SECONDS, unit=lambda: 0.0)
    registry = CollectorRegistry()
    metrics = LimitMetrics(registry)
    decider = Decider(Counters(pipe, text), Layout(), Gate(1, DEADLINE_SECONDS), metrics)
    servicer = EnvoyServicer(decider, metrics, lambda _domain: policies)
    secret = SecretStr(token) if token is not None else None
    address = f"unix:{folder / secrets.token_hex(4)}.sock"
    async with asyncio.TaskGroup() as tasks, AsyncExitStack() as stack:
        running = tasks.create_task(pipe.run())
        if connected:
            async with asyncio.timeout(DEADLINE_SECONDS):
                await pipe.connected.wait()
        server, (target,) = await listen_for_envoy(stack, servicer, [address], secret, RpcMetrics(registry))
        yield Served(target, server, registry)
        running.cancel()
