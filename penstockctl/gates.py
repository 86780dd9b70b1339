"""Readiness: what must answer before a process counts as up. A gate is a value; asking it never raises
because the process is not there yet."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import asyncpg
import grpc
import httpx
import redis.asyncio as redis
from grpc_health.v1 import health_pb2, health_pb2_grpc

_ONE_QUESTION_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class PostgresAnswers:
    """A query is answered at `url`."""

    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RedisAnswers:
    """PING is answered at `url`, which also means that the data are loaded."""

    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class GrpcServing:
    """grpc.health.v1 says SERVING for the whole server at `target` (`host:port` or `unix:/path`)."""

    target: str


@dataclass(frozen=True, slots=True)
class HttpOk:
    """GET `url` gives 200."""

    url: str


Gate = PostgresAnswers | RedisAnswers | GrpcServing | HttpOk


async def is_open(gate: Gate) -> bool:
    """Ask once, at most 2 s. False: not yet."""
    try:
        async with asyncio.timeout(_ONE_QUESTION_SECONDS):
            return await _ask(gate)
    except (OSError, asyncpg.PostgresError, grpc.RpcError, redis.RedisError, httpx.HTTPError, httpx.InvalidURL):
        return False


async def wait_until_open(gate: Gate, alive: Callable[[], bool]) -> bool:
    """Ask until the answer is yes (True) or the process behind it is no longer `alive` (False).

    The caller sets the deadline.
    """
    pause_seconds = 0.01
    while not await is_open(gate):
        if not alive():
            return False
        await asyncio.sleep(pause_seconds)
        pause_seconds = min(pause_seconds * 1.5, 0.2)
    return True


async def _ask(gate: Gate) -> bool:
    match gate:
        case PostgresAnswers(url):
            return await _postgres_answers(url)
        case RedisAnswers(url):
            return await _redis_answers(url)
        case GrpcServing(target):
            return await is_serving(target)
        case HttpOk(url):
            return await _get_is_ok(url)


async def _postgres_answers(url: str) -> bool:
    connection = await asyncpg.connect(url)
    try:
        return bool(await connection.fetchval("SELECT true"))
    finally:
        connection.terminate()


async def _redis_answers(url: str) -> bool:
    async with redis.from_url(url, retry=None) as client:
        return bool(await client.ping())


async def is_serving(target: str, service: str = "") -> bool:
    """What the standard health check of the server at `target` says. grpc.RpcError: it does not answer."""
    async with grpc.aio.insecure_channel(target) as channel:
        request = health_pb2.HealthCheckRequest(service=service)
        answer = await health_pb2_grpc.HealthStub(channel).Check(request, timeout=_ONE_QUESTION_SECONDS)
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


async def _get_is_ok(url: str) -> bool:
    # trust_env: a proxy of the environment must not stand between us and our own port. verify: whether that port serves
    # is asked, not for whom its certificate is.
    async with httpx.AsyncClient(trust_env=False, verify=False) as client:  # noqa: S501
        return (await client.get(url)).status_code == httpx.codes.OK
