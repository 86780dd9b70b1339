"""Follows the invalidations, acknowledges what is in force here, and renews the lease.

Acknowledging and renewing are one call. It is made only while the watch is in step, so a worker that hears
nothing loses its lease; and only with a revision that the memory has applied. The answer tells the newest revision: a
watch that goes on without it is begun anew, though its connection stands.
"""

import asyncio
import random
from collections.abc import Callable, Iterator
from math import ceil
from typing import TYPE_CHECKING, Final

import grpc
import structlog
from google.protobuf.duration_pb2 import Duration
from penstock.auth.v1 import auth_service_pb2 as pb

from edge.auth import wire
from edge.auth.clocks import steady_seconds
from edge.auth.comeback import Comeback
from edge.auth.lease import RENEWAL_TIMEOUT_SECONDS
from edge.auth.memory import Memory
from edge.instance import Instance
from svckit.backoff import delays
from svckit.channels import open_stream

if TYPE_CHECKING:  # a name of the generated stub file only
    from penstock.auth.v1.auth_service_pb2_grpc import AuthServiceAsyncStub

RENEW_SECONDS: Final = 10.0
# The first look after a break comes within 0.2 s: a revocation waits 2 s for this worker.
_BACKOFF_SCALE: Final = 0.2
log = structlog.get_logger()


class Watch:
    """One worker's watch over the invalidations."""

    def __init__(
        self,
        stub: "AuthServiceAsyncStub",
        memory: Memory,
        instance: Instance,
        comeback: Comeback,
        steady: Callable[[], float] = steady_seconds,
        renew_seconds: float = RENEW_SECONDS,
    ) -> None:
        self._stub = stub
        self._memory = memory
        self._instance = wire.instance(instance)
        self._comeback = comeback
        self._steady = steady
        self._renew_seconds = renew_seconds
        # rounded up: a revocation must not be called in force too early
        self._max_stale = Duration(seconds=ceil(memory.lease.max_stale_seconds))
        self._begun = False
        self._patience = asyncio.timeout(None)
        self._in_step = asyncio.Event()
        self._applied = asyncio.Event()

    @property
    def in_step(self) -> bool:
        """Whether everything that authsvc has told of is in force here."""
        return self._in_step.is_set()

    async def run(self) -> None:
        """Watches and renews until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            tasks.create_task(self._renew())

    async def leave(self) -> None:
        """Gives the lease up, so that no revocation waits for this worker; to be called when `run` has ended.

        Best effort: a lease that cannot be given up ends by itself.
        """
        request = pb.AckInvalidationsRequest(instance=self._instance, leaving=True)
        try:
            await self._stub.AckInvalidations(request, timeout=RENEWAL_TIMEOUT_SECONDS)
        except grpc.aio.AioRpcError as error:
            log.info("lease not given up", code=error.code().name)

    async def _follow(self) -> None:
        waits = _new_waits()
        while True:
            try:
                await self._watch()
            except grpc.aio.AioRpcError as error:
                log.warning("watch of invalidations broke off", code=error.code().name)
            except TimeoutError:
                log.warning("watch of invalidations is silent", applied=self._memory.fences.applied)
            if self.in_step:
                waits = _new_waits()
            self._in_step.clear()
            await self._comeback.wait(next(waits))

    async def _watch(self) -> None:
        """One stream, to its end."""
        request = pb.WatchInvalidationsRequest(instance=self._instance)
        if self._begun:
            request.resume_from = self._memory.fences.applied
        self._patience = asyncio.timeout(None)
        async with self._patience, open_stream(self._stub.WatchInvalidations(request)) as call:
            async for message in call:
                if not self._apply(message):
                    return

    def _apply(self, message: pb.WatchInvalidationsResponse) -> bool:
        """Puts a message in force; False when one before it is missing: the watch must begin anew."""
        kind = message.WhichOneof("event")
        if kind == "invalidation":
            if not self._memory.invalidate(wire.event(message.invalidation)):
                log.error("an invalidation is missing", before=message.invalidation.revision)
                self._begun = False
                return False
        elif kind == "cache_reset":
            self._memory.reset(message.cache_reset.revision)
        elif kind == "sync_complete":
            # Beginning at the head: what was looked up so far may have been ended before it.
            if message.sync_complete.revision != self._memory.fences.applied:
                self._memory.reset(message.sync_complete.revision)
            self._begun = True
            self._in_step.set()
            self._comeback.announce()
        self._applied.set()
        return True

    async def _renew(self) -> None:
        waits = _new_waits()
        while True:
            await self._in_step.wait()
            self._applied.clear()
            try:
                newest = await self._acknowledge()
            except grpc.aio.AioRpcError as error:
                log.warning("lease not renewed", code=error.code().name)
                self._memory.lease.reachable = False
                await asyncio.sleep(next(waits))
                continue
            waits = _new_waits()
            news = await self._news_or(self._renew_seconds)
            if self.in_step and not news and self._memory.fences.applied < newest:
                self._patience.reschedule(asyncio.get_running_loop().time())
                self._in_step.clear()

    async def _acknowledge(self) -> int:
        """Returns the newest revision of the log."""
        sent_at = self._steady()
        request = pb.AckInvalidationsRequest(
            instance=self._instance, revision=self._memory.fences.applied, max_stale=self._max_stale
        )
        granted = await self._stub.AckInvalidations(request, timeout=RENEWAL_TIMEOUT_SECONDS)
        self._memory.lease.reachable = True
        self._memory.lease.grant(sent_at, granted.lease.ToTimedelta().total_seconds(), self._steady())
        return granted.head_revision

    async def _news_or(self, seconds: float) -> bool:
        """Returns when something new is in force, or after the time is over: whether there was anything."""
        try:
            async with asyncio.timeout(seconds):
                return await self._applied.wait()
        except TimeoutError:
            return False


def _new_waits() -> Iterator[float]:
    return delays(random.SystemRandom().random, scale=_BACKOFF_SCALE)
