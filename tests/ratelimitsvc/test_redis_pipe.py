"""One connection to a real Redis: replies in order, loss and silence."""

import asyncio
import secrets
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ResponseError

from ratelimitsvc.redis_pipe import RedisAway, RedisPipe
from tests.ratelimitsvc.conftest import installed
from tests.ratelimitsvc.servers import HOST, run_node

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


async def test_a_caller_that_goes_away_in_the_midst_of_being_sent_leaves_the_others_their_replies(
    short_dir: Path,
) -> None:
    async with (
        run_node(installed("valkey"), short_dir / secrets.token_hex(4)) as node,
        piping(node.url) as pipe,
        asyncio.TaskGroup() as tasks,
    ):
        node.process.send_signal(signal.SIGSTOP)  # reads nothing: what is more than the kernel holds stays here
        gone = tasks.create_task(pipe.call("ECHO", bytes(16 * 1024 * 1024)))
        there = tasks.create_task(pipe.call("ECHO", "there"))
        for _ in range(5):
            await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        node.process.send_signal(signal.SIGCONT)
        assert await there == b"there"
        assert await pipe.call("ECHO", "later") == b"later"


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


async def test_a_server_that_has_become_a_replica_is_left_for_the_one_that_its_name_leads_to(short_dir: Path) -> None:
    async with run_node(installed("valkey"), short_dir / secrets.token_hex(4)) as node, piping(node.url) as pipe:
        await node.ask("REPLICAOF", HOST, node.bus)  # where nobody is
        assert await _outcome(pipe, "SET", "k", "v") is RedisAway
        await node.ask("REPLICAOF", "NO", "ONE")
        await connected(pipe)
        assert await pipe.call("SET", "k", "v") == b"OK"


async def test_a_transport_that_is_closed_already_is_a_lost_connection(
    valkey: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*_: Any, **__: Any) -> None:
        raise RuntimeError("the handler is closed")

    async with piping(valkey) as pipe:
        with monkeypatch.context() as closed:
            closed.setattr(AbstractConnection, "send_packed_command", failing)
            assert await _outcome(pipe, "ECHO", "lost") is RedisAway
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
