"""Authenticates batches of credentials: from memory where that is as good as the store, else from the store.

Before anything is recalled, the log of invalidations is read to its end, in one query for all who ask meanwhile. So
an answer is as fresh as a look-up: a key whose revocation was committed before the question came proves nobody.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Protocol

from penstock.auth.v1 import auth_service_pb2 as pb
from penstock.auth.v1.principal_pb2 import PRINCIPAL_KIND_CONSUMER, Principal
from prometheus_client import CollectorRegistry, Counter, Gauge

from authsvc.invalidations import log as events
from authsvc.lookup import Found, Presented
from authsvc.memory import Memory
from authsvc.rpc import messages
from domain.api_keys import API_KEY_LENGTH


class LooksUp(Protocol):
    """Answers from the store."""

    async def authenticate(self, batch: Sequence[Presented]) -> Found:
        """Who each credential proves."""


class Authentication:
    """What every rpc asks that wants to know who is calling."""

    def __init__(
        self,
        pool: Any,
        lookup: LooksUp,
        memory: Memory,
        registry: CollectorRegistry,
        clock: Callable[[], float] = time.time,
        *,
        used: Callable[[Iterable[tuple[str, datetime]]], None] = lambda _uses: None,
    ) -> None:
        """`used` hears of the keys that have proven somebody, by id and with the time."""
        self._used = used
        self._lookup = lookup
        self._memory = memory
        self._catch_up = _CatchUp(pool, memory)
        self._clock = clock
        found = Counter(
            "auth_credentials_total", "Credentials by where the answer came from.", ("source",), registry=registry
        )
        self._recalled, self._looked_up = found.labels("memory"), found.labels("store")
        size = Gauge("auth_remembered_keys", "Keys whose principals are remembered.", registry=registry)
        size.set_function(lambda: len(memory))

    async def authenticate(self, batch: Sequence[Presented]) -> list[pb.AuthenticateResponse]:
        """Who each credential proves, or why it proves nobody; raises what the store raises."""
        digests = [_digest(each) for each in batch]
        recalled, revision = await self._recall(digests)
        unknown = [place for place, digest in enumerate(digests) if digest not in recalled]
        looked_up = await self._look_up(batch, digests, unknown)
        self._recalled.inc(len(batch) - len(unknown))
        self._looked_up.inc(len(unknown))
        answers = [
            pb.AuthenticateResponse(principal=recalled[digest], revision=revision)
            if digest in recalled
            else next(looked_up)
            for digest in digests
        ]
        now = datetime.fromtimestamp(self._clock(), UTC)
        principals = (answer.principal for answer in answers)
        self._used((each.credential_id, now) for each in principals if each.kind == PRINCIPAL_KIND_CONSUMER)
        return answers

    async def _recall(self, digests: Sequence[bytes | None]) -> tuple[Mapping[bytes | None, Principal], int]:
        """The principals that are remembered, by digest, and the revision that they have seen."""
        if not any(digest in self._memory for digest in digests):
            return {}, 0
        await self._catch_up.now()
        now = self._clock()
        known: dict[bytes | None, Principal] = {}
        for digest in digests:
            if digest is not None and (principal := self._memory.recall(digest, now)) is not None:
                known[digest] = principal
        return known, self._memory.applied

    async def _look_up(
        self, batch: Sequence[Presented], digests: Sequence[bytes | None], places: Sequence[int]
    ) -> Iterator[pb.AuthenticateResponse]:
        if not places:
            return iter(())
        answers = messages.authentications(await self._lookup.authenticate([batch[place] for place in places]))
        for place, answer in zip(places, answers, strict=True):
            digest = digests[place]
            if digest is not None and answer.HasField("principal"):
                self._memory.keep(digest, answer.principal, answer.revision)
        return iter(answers)


class _CatchUp:
    """Reads the log to its end, one read at a time. Who comes while one is under way shares the next one: the one
    under way may have begun too early for them."""

    def __init__(self, pool: Any, memory: Memory) -> None:
        self._pool = pool
        self._memory = memory
        self._reading = asyncio.Lock()
        self._begun = 0
        self._done = 0

    async def now(self) -> None:
        """Returns when a read that began after this call has come to the end."""
        begun = self._begun
        async with self._reading:
            if self._done > begun:
                return
            self._begun += 1
            mine = self._begun
            async with self._pool.acquire() as connection:
                while True:
                    head, page = await events.since(connection, self._memory.applied)
                    self._memory.follow(head, page)
                    if self._memory.applied == head:
                        break
            self._done = mine


def _digest(presented: Presented) -> bytes | None:
    """By what a key is remembered; None for what is no key by its length."""
    return sha256(presented.value).digest() if presented.is_api_key and len(presented.value) == API_KEY_LENGTH else None
