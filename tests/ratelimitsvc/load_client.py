"""One client of the limits, as a process: asks by a plan and a seed until its input ends, then writes what it was told.

`python -m tests.ratelimitsvc.load_client DECIDER PLAN SEED TARGET [KEY_FILE]`. Besides the service there are deciders
as limits are often built, to be caught.
"""

import asyncio
import pickle
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Final, TypeAlias

import grpc
import redis.asyncio as redis
from penstock.errors.v1 import error_reason_pb2 as reasons
from penstock.ratelimit.v1 import limit_pb2 as pb
from penstock.ratelimit.v1 import rate_limit_service_pb2 as service_pb
from penstock.ratelimit.v1 import rate_limit_service_pb2_grpc as pb_grpc

from domain.limits import Limit
from svckit.channels import open_channel
from svckit.errors import from_rpc_error
from svckit.identity import ProcessIdentity
from tests.ratelimitsvc.load import MILLI, PLANS, Ask, Plan, Told

CALLERS: Final = 4

Decider: TypeAlias = Callable[[bytes, Sequence[Ask]], Awaitable[Told]]
"""Decides a batch, by its name."""


@asynccontextmanager
async def _service(target: str, key_file: str) -> AsyncIterator[Decider]:
    async with open_channel(target, ProcessIdentity.load(Path(key_file)), "ratelimitsvc") as channel:
        await channel.channel_ready()
        stub: pb_grpc.RateLimitServiceAsyncStub = pb_grpc.RateLimitServiceStub(channel)

        async def decide(name: bytes, asks: Sequence[Ask]) -> Told:
            # The first counter, which nobody uses, gives the batch its name on the wire to Redis.
            checks = [pb.Check(limits=[pb.Limit(key=b"t:" + name, limit=1, window_millis=1)], cost=0)]
            checks += [pb.Check(limits=map(_message, limits), cost=cost) for limits, cost in asks]
            try:
                answer = await stub.CheckBatch(service_pb.CheckBatchRequest(checks=checks))
            except grpc.aio.AioRpcError as error:
                if from_rpc_error(error).reason != reasons.ERROR_REASON_LIMIT_UNAVAILABLE:
                    raise
                return Told(name, asks, None)
            answers = [
                (each.allowed, None if each.allowed else each.retry_after_millis) for each in answer.decisions[1:]
            ]
            return Told(name, asks, answers)

        yield decide


def _message(limit: Limit) -> pb.Limit:
    return pb.Limit(key=limit.key, limit=limit.limit, window_millis=limit.window_micros // MILLI)


@asynccontextmanager
async def _fixed_window(url: str, _key_file: str) -> AsyncIterator[Decider]:
    """Naive: a count that starts anew with each window of the clock."""
    async with redis.from_url(url) as client:

        async def decide(name: bytes, asks: Sequence[Ask]) -> Told:
            (((limit,), cost),) = asks
            counter = b"%b:%d" % (limit.key, time.time_ns() // MILLI // limit.window_micros)
            pipe = client.pipeline(transaction=True)
            pipe.time()
            pipe.incrby(counter, cost)
            (seconds, micros), count = await pipe.execute()
            return Told(name, asks, [(count <= limit.limit, None)], seconds * 1_000_000 + micros)

        yield decide


@asynccontextmanager
async def _sorted_set(url: str, _key_file: str) -> AsyncIterator[Decider]:
    """Naive: the times of all requests, refused ones too, in milliseconds of the client's clock."""
    skew = Random(sys.argv[3]).randint(-20, 20)  # noqa: S311
    async with redis.from_url(url) as client:

        async def decide(name: bytes, asks: Sequence[Ask]) -> Told:
            (((limit,), _cost),) = asks
            now = time.time_ns() // 1_000_000 + skew
            pipe = client.pipeline(transaction=True)
            pipe.time()
            pipe.zremrangebyscore(limit.key, 0, now - limit.window_micros // MILLI)
            pipe.zadd(limit.key, {str(now): now})
            pipe.zcard(limit.key)
            (seconds, micros), *_, count = await pipe.execute()
            return Told(name, asks, [(count <= limit.limit, None)], seconds * 1_000_000 + micros)

        yield decide


DECIDERS: Final = {"service": _service, "fixed-window": _fixed_window, "sorted-set": _sorted_set}


async def _caller(decide: Decider, plan: Plan, seed: str, most: int, ended: asyncio.Event) -> list[Told]:
    chance, told = Random(seed), list[Told]()  # noqa: S311
    while not ended.is_set():
        millis = time.time_ns() // 1_000_000
        asks = [ask for _ in range(chance.randint(1, most)) if (ask := plan(chance, millis)) is not None]
        if asks:
            told.append(await decide(b"id:%b:%d" % (seed.encode(), len(told)), asks))
        # Pauses of the load: they move the bursts against the windows, and wait for nothing.
        if not asks or told[-1].answers is None or chance.random() < 0.2:
            await asyncio.sleep(chance.random() * 0.02)
    return told


async def _ask_until_input_ends(decider: str, plan: str, seed: str, target: str, key_file: str = "") -> list[Told]:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(0, ended.set)
    async with DECIDERS[decider](target, key_file) as decide:
        most = 12 if decider == "service" else 1
        callers = [_caller(decide, PLANS[plan], f"{seed}.{each}", most, ended) for each in range(CALLERS)]
        return [told for own in await asyncio.gather(*callers) for told in own]


if __name__ == "__main__":
    sys.stdout.buffer.write(pickle.dumps(asyncio.run(_ask_until_input_ends(*sys.argv[1:]))))
