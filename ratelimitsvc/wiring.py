"""What ratelimitsvc is made of and who may call it."""

import random
import secrets
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog
from penstock.ratelimit.v1 import concurrency_service_pb2_grpc as lease_grpc

from ratelimitsvc.batch import Layout
from ratelimitsvc.cluster import ClusterCounters, ClusterSlots, RedisCluster
from ratelimitsvc.counters import Counters, Slots, script
from ratelimitsvc.decider import Decider
from ratelimitsvc.envoy.feed import PolicyFeed
from ratelimitsvc.envoy.servicer import EnvoyServicer, listen_for_envoy
from ratelimitsvc.gate import Gate
from ratelimitsvc.lease_servicer import ConcurrencyServicer
from ratelimitsvc.leases import LEASE_ID_BYTES
from ratelimitsvc.metrics import LimitMetrics
from ratelimitsvc.redis_pipe import RedisPipe
from ratelimitsvc.servicer import RateLimitServicer, add_to_server
from ratelimitsvc.settings import RateLimitSettings
from ratelimitsvc.topology import cluster_url
from svckit.channels import open_channel
from svckit.guests import stop_on_drain
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
    store = open_store(
        runtime.settings.redis_url.get_secret_value(),
        silence_seconds=runtime.settings.redis_timeout_seconds,
        unit=random.SystemRandom().random,
    )
    runtime.tasks.create_task(store.redis.run())
    await store.redis.connected.wait()
    metrics = LimitMetrics(runtime.registry)
    layout = Layout(runtime.settings.window_store, runtime.settings.exact_up_to)
    gate = Gate(AT_REDIS, runtime.settings.queue_seconds)
    decider = Decider(store.counters, layout, gate, metrics)
    servicer = RateLimitServicer(decider, metrics, runtime.drain)
    leases = ConcurrencyServicer(store.slots, metrics, lambda: secrets.token_bytes(LEASE_ID_BYTES))
    if runtime.settings.envoy_limits_listen:
        await _serve_envoy(stack, runtime, decider, metrics)
    return (
        Mount(partial(add_to_server, layout=layout), servicer),
        Mount(lease_grpc.add_ConcurrencyServiceServicer_to_server, leases),
    )


@dataclass(frozen=True, slots=True)
class Store:
    """Where counters and slots are; `redis` has to run."""

    redis: RedisPipe | RedisCluster
    counters: Counters | ClusterCounters
    slots: Slots | ClusterSlots


def open_store(url: str, *, silence_seconds: float, unit: Callable[[], float]) -> Store:
    """The store on one server or on a cluster, as `url` says; the rest as of `RedisPipe`."""
    deciding, leasing = script(), script(name="lease.lua")
    opening = ("SCRIPT", "LOAD", deciding)
    nodes = cluster_url(url)
    if nodes is None:
        pipe = RedisPipe(url, opening=opening, silence_seconds=silence_seconds, unit=unit)
        return Store(pipe, Counters(pipe, deciding), Slots(pipe, leasing))
    cluster = RedisCluster(nodes, opening=opening, silence_seconds=silence_seconds, unit=unit)
    return Store(cluster, ClusterCounters(cluster, deciding), ClusterSlots(cluster, leasing))


async def _serve_envoy(
    stack: AsyncExitStack,
    runtime: Runtime[RateLimitSettings],
    decider: Decider,
    metrics: LimitMetrics,
) -> None:
    """Does not wait for configsvc: until the policies are here, Envoys are told so."""
    settings = runtime.settings
    channel = await stack.enter_async_context(open_channel(settings.config_address, runtime.identity, "configsvc"))
    feed = PolicyFeed(channel, unit=random.SystemRandom().random)
    runtime.tasks.create_task(feed.run())
    servicer = EnvoyServicer(decider, metrics, feed.policies)
    addresses, token = settings.envoy_limits_listen, settings.envoy_token
    server, bound = await listen_for_envoy(stack, servicer, addresses, token, runtime.metrics)
    log.info("listening for Envoy", addresses=bound)
    stop_on_drain(runtime, server)
