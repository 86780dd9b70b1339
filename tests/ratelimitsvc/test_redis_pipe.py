"""One connection to a real Redis: replies in order, loss and silence."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import redis
from redis.exceptions import ResponseError

from ratelimitsvc.redis_pipe import RedisAway, RedisPipe

DEADLINE_SECONDS = 20


@asynccontextmanager
async def piping(url: str, silence_seconds: float = DEADLINE_SECONDS) -> AsyncIterator[RedisPipe]:
    pipe = RedisPipe(url, opening=("PING",), silence_seconds=silence_seconds, unit=lambda: 0.0)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(pipe.run())
        await connected(pipe)
        yield pipe
        running.cancel()


async def connected(pipe: RedisPipe) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        await pipe.connected.wait()


async def test_replies_come_in_the_order_of_the_calls(valkey: str) -> None:
    async with piping(valkey) as pipe:
        assert await asyncio.gather(*(pipe.call("INCR", "n") for _ in range(200))) == list(range(1, 201))


async def test_an_error_is_its_own_callers_alone(valkey: str) -> None:
    async with piping(valkey) as pipe:
        replies = await asyncio.gather(
            pipe.call("ECHO", "a"), pipe.call("NONSENSE"), pipe.call("ECHO", b"\xff"), return_exceptions=True
        )
        assert replies[0] == b"a"
        assert isinstance(replies[1], ResponseError)
        assert replies[2] == b"\xff"


async def test_a_caller_that_goes_away_leaves_the_others_their_replies(valkey: str) -> None:
    async with piping(valkey) as pipe, asyncio.TaskGroup() as tasks:
        gone = tasks.create_task(pipe.call("ECHO", "gone"))
        await asyncio.sleep(0)
        gone.cancel()
        assert await pipe.call("ECHO", "there") == b"there"


async def test_a_lost_connection_fails_its_calls_and_is_opened_again(valkey: str, client: redis.Redis) -> None:
    async with piping(valkey) as pipe, asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(_outcome(pipe, "BLPOP", "nothing", 0))
        client.client_kill_filter(_type="normal", skipme=True)
        assert await waiting is RedisAway
        await connected(pipe)
        assert await pipe.call("ECHO", "back") == b"back"


async def test_silence_while_a_reply_is_due_loses_the_connection(valkey: str) -> None:
    async with piping(valkey, silence_seconds=0.1) as pipe:
        assert await _outcome(pipe, "BLPOP", "nothing", 0) is RedisAway
        await connected(pipe)
        assert await pipe.call("ECHO", "back") == b"back"


async def test_a_call_without_a_connection_fails_at_once() -> None:
    pipe = RedisPipe("unix:///nonexistent", opening=("PING",), silence_seconds=1, unit=lambda: 0.0)
    with pytest.raises(RedisAway):
        await pipe.call("PING")


async def _outcome(pipe: RedisPipe, *command: str | int) -> type[Exception] | None:
    try:
        await pipe.call(*command)
    except RedisAway as error:
        return type(error)
    return None
