"""What ratelimitsvc is made of and who may call it."""

import random
import secrets
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

import structlog
from penstock.ratelimit.v1 import concurrency_service_pb2_grpc as lease_grpc
from penstock.ratelimit.v1 import rate_limit_service_pb2_grpc as pb_grpc

from ratelimitsvc.batch import Layout, packed
from ratelimitsvc.counters import Counters, Slots, script
from ratelimitsvc.envoy.feed import PolicyFeed
from ratelimitsvc.envoy.servicer import EnvoyServicer, listen_for_envoy
from ratelimitsvc.gate import Gate
from ratelimitsvc.lease_servicer import ConcurrencyServicer
from ratelimitsvc.leases import LEASE_ID_BYTES
from ratelimitsvc.metrics import LimitMetrics
from ratelimitsvc.redis_pipe import RedisPipe
from ratelimitsvc.servicer import RateLimitServicer
from ratelimitsvc.settings import RateLimitSettings
from svckit.channels import open_channel
from svckit.interceptors.identity import MethodTable
from svckit.server import Runtime, ServiceSpec
from svckit.switchboard import Mount

NAME: Final = "ratelimitsvc"
CALLERS: Final = frozenset({"edge", "admin", "ctl"})
GOVERNORS: Final = frozenset({"admin", "ctl"})
# Batches at Redis at a time: enough for it never to wait for us. What waits here can be shed, what waits there cannot.
AT_REDIS: Final = 32
log = structlog.get_logger()
_SERVICE: Final = "/penstock.ratelimit.v1.RateLimitService"
_CONCURRENCY: Final = "/penstock.ratelimit.v1.ConcurrencyService"


def method_table(team_callers: Sequence[str] = ()) -> MethodTable:
    """Our own processes, and teams by the names of their process keys, may ask for decisions and give back.

    Counters are dropped for those only who govern: whoever may drop them has no limits.
    """
    callers = CALLERS | set(team_callers)
    return {
        **{f"{_SERVICE}/{method}": callers for method in ("Check", "CheckBatch", "StreamChecks", "Refund")},
        f"{_SERVICE}/Reset": GOVERNORS,
        **{f"{_CONCURRENCY}/{method}": callers for method in ("AcquireLease", "RenewLease", "ReleaseLease")},
    }


def service(team_callers: Sequence[str] = ()) -> ServiceSpec[RateLimitSettings]:
    """The service, to be run by svckit."""
    return ServiceSpec(NAME, method_table(team_callers), start)


async def start(stack: AsyncExitStack, runtime: Runtime[RateLimitSettings]) -> Sequence[Mount]:
    """Waits for Redis once. When it goes away later the service stays up and answers LIMIT_UNAVAILABLE."""
    text = script()
    pipe = RedisPipe(
        runtime.settings.redis_url.get_secret_value(),
        opening=("SCRIPT", "LOAD", text),
        silence_seconds=runtime.settings.redis_timeout_seconds,
        unit=random.SystemRandom().random,
    )
    runtime.tasks.create_task(pipe.run())
    await pipe.connected.wait()
    metrics = LimitMetrics(runtime.registry)
    layout = Layout(runtime.settings.window_store, runtime.settings.exact_up_to)
    gate = Gate(AT_REDIS, runtime.settings.queue_seconds)
    counters = Counters(pipe, text)
    servicer = RateLimitServicer(counters, layout, gate, metrics, runtime.drain)
    slots = Slots(pipe, script(name="lease.lua"))
    leases = ConcurrencyServicer(slots, metrics, lambda: secrets.token_bytes(LEASE_ID_BYTES))
    if runtime.settings.envoy_listen:
        await _serve_envoy(stack, runtime, counters, layout, metrics)
    return (
        Mount(pb_grpc.add_RateLimitServiceServicer_to_server, servicer),
        Mount(lease_grpc.add_ConcurrencyServiceServicer_to_server, leases),
    )


async def _serve_envoy(
    stack: AsyncExitStack,
    runtime: Runtime[RateLimitSettings],
    counters: Counters,
    layout: Layout,
    metrics: LimitMetrics,
) -> None:
    """Does not wait for configsvc: until the policies are here, Envoys are told so."""
    settings = runtime.settings
    channel = await stack.enter_async_context(open_channel(settings.config_address, runtime.identity, "configsvc"))
    feed = PolicyFeed(channel, unit=random.SystemRandom().random)
    runtime.tasks.create_task(feed.run())
    token = settings.envoy_token.get_secret_value() if settings.envoy_token is not None else None
    servicer = EnvoyServicer(lambda checks: counters.decide(packed(checks, layout)), metrics, feed.policies)
    server, bound = await listen_for_envoy(stack, servicer, settings.envoy_listen, token, runtime.metrics)
    log.info("listening for Envoy", addresses=bound)

    async def stop() -> None:
        await runtime.drain.wait()
        await server.stop(settings.drain_seconds)

    runtime.tasks.create_task(stop())
