"""The counters in Redis, by scripts: a batch of checks in, the answer out. One round trip, whatever the batch."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha1
from importlib.resources import files
from typing import Final

import structlog
from redis.exceptions import NoScriptError, ResponseError

from ratelimitsvc.batch import Batch
from ratelimitsvc.leases import LeaseCall
from ratelimitsvc.redis_pipe import RedisAway, RedisPipe

# Redis's own clock: callers and replicas of this service need not agree on the time.
REDIS_CLOCK: Final = "local t = redis.call('TIME') local now = t[1] * 1000000 + t[2]\n"
log = structlog.get_logger()


class CountersAway(Exception):
    """A script gave no answer: Redis is out of reach or refused. What it was asked may have been done all the same."""


def script(clock: str = REDIS_CLOCK, name: str = "decide.lua") -> str:
    """The text of the script `name`; `clock` is Lua that sets the local `now` in microseconds."""
    return clock + files("ratelimitsvc").joinpath(name).read_text(encoding="utf-8")


class Script:
    """A script in Redis, which is loaded when Redis does not have it yet."""

    def __init__(self, text: str) -> None:
        self._text = text
        # The name that Redis gives a script; no security depends on it.
        self._digest = sha1(text.encode(), usedforsecurity=False).hexdigest()

    async def run(self, pipe: RedisPipe, keys: Sequence[bytes], argument: bytes, *, asking: bool = False) -> bytes:
        """What the script returns; RedisAway, ResponseError. `asking` as of `RedisPipe.call`."""
        answer: bytes
        try:
            answer = await pipe.call("EVALSHA", self._digest, len(keys), *keys, argument, asking=asking)
        except NoScriptError:  # not loaded yet, SCRIPT FLUSH, a replica promoted without it; EVAL loads it
            answer = await pipe.call("EVAL", self._text, len(keys), *keys, argument, asking=asking)
        return answer


class Counters:
    """Decides batches by a script that is loaded already: the pipe's opening command is `SCRIPT LOAD`."""

    def __init__(self, pipe: RedisPipe, text: str) -> None:
        self._pipe = pipe
        self._script = Script(text)

    async def decide(self, batch: Batch) -> bytes:
        """The packed answer to `batch` (see decide.lua); CountersAway."""
        with translated():
            return await self._script.run(self._pipe, batch.keys, batch.numbers)

    async def drop(self, keys: Sequence[bytes]) -> None:
        """Forgets the counters of `keys`, all at once; CountersAway."""
        with translated():
            await self._pipe.call("UNLINK", *keys)


class Slots:
    """Leases slots by a script that is loaded with the first lease."""

    def __init__(self, pipe: RedisPipe, text: str) -> None:
        self._pipe = pipe
        self._script = Script(text)

    async def run(self, request: LeaseCall) -> bytes:
        """The packed answer to `request` (see lease.lua); CountersAway."""
        with translated():
            return await self._script.run(self._pipe, request.keys, request.argument)


@contextmanager
def translated() -> Iterator[None]:
    """Translates what the pipe raises into CountersAway."""
    try:
        yield
    except RedisAway as error:
        raise CountersAway(str(error)) from error
    except ResponseError as error:  # out of memory, read-only after a fail-over, …
        log.error("redis refused a command", error=str(error))
        raise CountersAway(str(error)) from error
