"""The counters in Redis: a batch of checks in, the script's answer out. One round trip, whatever the batch."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha1
from importlib.resources import files
from typing import Final

import structlog
from redis.exceptions import NoScriptError, ResponseError

from ratelimitsvc.batch import Batch
from ratelimitsvc.redis_pipe import RedisAway, RedisPipe

# Redis's own clock: callers and replicas of this service need not agree on the time.
REDIS_CLOCK: Final = "local t = redis.call('TIME') local now = t[1] * 1000000 + t[2]\n"
log = structlog.get_logger()


class CountersAway(Exception):
    """The batch was not decided: Redis is out of reach or refused. It may have been counted all the same."""


def script(clock: str = REDIS_CLOCK) -> str:
    """The text of the deciding script; `clock` is Lua that sets the local `now` in microseconds."""
    return clock + files("ratelimitsvc").joinpath("decide.lua").read_text(encoding="utf-8")


class Counters:
    """Decides batches by a script that is loaded already: the pipe's opening command is `SCRIPT LOAD`."""

    def __init__(self, pipe: RedisPipe, text: str) -> None:
        self._pipe = pipe
        self._text = text
        # The name that Redis gives a script; no security depends on it.
        self._digest = sha1(text.encode(), usedforsecurity=False).hexdigest()

    async def decide(self, batch: Batch) -> bytes:
        """The packed answer to `batch` (see decide.lua); CountersAway."""
        with _away():
            try:
                return await self._evaluate("EVALSHA", self._digest, batch)
            except NoScriptError:  # SCRIPT FLUSH, or a replica promoted without it; EVAL loads it again
                return await self._evaluate("EVAL", self._text, batch)

    async def drop(self, keys: Sequence[bytes]) -> None:
        """Forgets the counters of `keys`, all at once; CountersAway."""
        with _away():
            await self._pipe.call("UNLINK", *keys)

    async def _evaluate(self, command: str, what: str, batch: Batch) -> bytes:
        answer: bytes = await self._pipe.call(command, what, len(batch.keys), *batch.keys, batch.numbers)
        return answer


@contextmanager
def _away() -> Iterator[None]:
    """Translates what the pipe raises into CountersAway."""
    try:
        yield
    except RedisAway as error:
        raise CountersAway(str(error)) from error
    except ResponseError as error:  # out of memory, read-only after a fail-over, …
        log.error("redis refused a command", error=str(error))
        raise CountersAway(str(error)) from error
