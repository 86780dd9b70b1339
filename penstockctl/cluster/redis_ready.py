"""Waits until a Redis answers in both of our logical databases, and says why when it does not."""

import asyncio

import redis.asyncio as redis
from redis.exceptions import AuthenticationError, AuthorizationError

from penstockctl.cluster.redis_urls import RedisUrls
from penstockctl.faults import OperatorError

_PAUSE_SECONDS = 0.2


async def expect_redis(urls: RedisUrls, seconds: float) -> None:
    """Return when both databases answer PING; a server that is not there yet has `seconds`.

    OperatorError: it stays away, or refuses what waiting does not change.
    """
    fault = "no answer"
    try:
        async with asyncio.timeout(seconds):
            for url in (urls.limits, urls.shared):
                while reason := await _ask(url):
                    fault = reason
                    await asyncio.sleep(_PAUSE_SECONDS)
    except TimeoutError:
        raise OperatorError(
            f"The server of --redis-url did not answer PING within {seconds:g} s ({fault}): check that it runs"
            " and its address."
        ) from None


async def _ask(url: str) -> str | None:
    """None: it answers; else why it does not yet."""
    try:
        async with redis.from_url(url, retry=None) as client:
            await client.ping()
    except (redis.RedisError, OSError) as error:
        cause = _cause(error)
        if isinstance(cause, (AuthenticationError, AuthorizationError)):
            raise OperatorError(
                "The server of --redis-url refused the URL's user and password, or misses them."
            ) from None
        if isinstance(cause, redis.ResponseError):
            number = url.rpartition("db=")[2]
            raise OperatorError(
                f"The server of --redis-url refused its logical database {number} ({_line(cause)}):"
                " two are needed, the one that the URL names and the next one."
            ) from None
        return _line(cause)
    return None


def _cause(error: Exception) -> Exception:
    """What redis-py wraps into a ConnectionError when it happens while a connection is made."""
    while isinstance(error.__cause__, redis.RedisError):
        error = error.__cause__
    return error


def _line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
