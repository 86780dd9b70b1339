"""ShouldRateLimit, on a listener of its own, because Envoy signs no process token.

What goes wrong on our side is a gRPC error, after which Envoy does as its own config says; never a refusal.
"""

from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from typing import Any, Final

import grpc
from penstock.envoy.v3 import rate_limit_pb2 as pb
from pydantic import SecretStr

from ratelimitsvc.decider import Decider
from ratelimitsvc.envoy.mapping import Question, Verdict, answer, decided, looked_at, question
from ratelimitsvc.envoy.policies import DescriptorPolicies
from ratelimitsvc.metrics import LimitMetrics
from svckit.call_context import request_id
from svckit.guests import listen_for_guests
from svckit.interceptors.shape import Context
from svckit.message_bounds import MessageBounds
from svckit.metrics import RpcMetrics
from svckit.switchboard import Mount

SERVICE: Final = "envoy.service.ratelimit.v3.RateLimitService"
METHOD: Final = f"/{SERVICE}/ShouldRateLimit"
# 64 descriptors, each with a header field as long as Envoy takes them by default (60 KiB): what a client sends must not
# make a message too long to be read, since it would pass.
_BOUNDS: Final = MessageBounds(request=4 * 1024 * 1024, answer=64 * 1024)


class EnvoyServicer:
    """Decides by what the `policies` of a domain say."""

    def __init__(self, decider: Decider, metrics: LimitMetrics, policies: Callable[[str], DescriptorPolicies]) -> None:
        self._decider = decider
        self._metrics = metrics
        self._policies = policies

    async def ShouldRateLimit(self, request: pb.RateLimitRequest, _context: Context) -> pb.RateLimitResponse:
        """Decides one request of Envoy's."""
        asked = question(request, self._policies(request.domain))
        verdict = await self._verdict(asked) if asked.counters else Verdict(over=False)
        return answer(asked, verdict, request_id())

    async def _verdict(self, asked: Question) -> Verdict:
        looks = asked.looks()
        if asked.cost is not None:
            verdict = decided(
                asked, await self._decider.decide_all([*asked.counts(), *(looks if len(looks) > 1 else ())])
            )
        else:
            verdict = looked_at(asked, await self._decider.decide_all(looks) if looks else [])
            counts = asked.counts()
            if not verdict.over and counts:
                # Where costs differ, what fitted a moment ago may not fit now: then one cost may have been counted
                # without the other. Never is more admitted than fits.
                decisions = await self._decider.decide_all([*counts, *looks])
                first, then = decisions[: len(counts)], decisions[len(counts) :]
                over = not all(each.allowed for each in first)
                retry = max(each.retry_after_millis for each in first)
                verdict = Verdict(over, looked_at(asked, then).standings, retry)
        self._metrics.decided(1, 0 if verdict.over else 1)
        return verdict


async def listen_for_envoy(
    stack: AsyncExitStack,
    servicer: EnvoyServicer,
    addresses: Iterable[str],
    token: SecretStr | None,
    metrics: RpcMetrics,
) -> tuple[grpc.aio.Server, tuple[str, ...]]:
    """Serves until the stack unwinds; the server, and the addresses that it is bound to."""
    return await listen_for_guests(stack, (METHOD,), Mount(_add, servicer), addresses, token, metrics, _BOUNDS)


def _add(servicer: EnvoyServicer, server: Any) -> None:
    """What generated code would do, had the service stood in a proto of ours."""
    handler = grpc.unary_unary_rpc_method_handler(
        servicer.ShouldRateLimit,
        request_deserializer=pb.RateLimitRequest.FromString,
        response_serializer=pb.RateLimitResponse.SerializeToString,
    )
    server.add_registered_method_handlers(SERVICE, {"ShouldRateLimit": handler})
