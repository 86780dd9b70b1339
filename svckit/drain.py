"""The event that a process is about to stop: open streams observe it and end themselves.

Without it `grpc.aio.Server.stop(grace)` waits its whole grace for one open watch stream.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import TypeVar

T = TypeVar("T")


class Drain:
    """Begins once and never ends."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._scopes: set[asyncio.Timeout] = set()

    @property
    def started(self) -> bool:
        return self._event.is_set()

    async def wait(self) -> None:
        """Returns when the drain has begun."""
        await self._event.wait()

    def start(self) -> None:
        """Begins the drain: ends every wait below. A second call changes nothing."""
        if self.started:
            return
        self._event.set()
        now = asyncio.get_running_loop().time()
        for scope in self._scopes:
            scope.reschedule(now)
        self._scopes.clear()

    async def unless_started(self, awaitable: Awaitable[T]) -> T | None:
        """The result of `awaitable`, or None when the drain begins first; the awaitable is then cancelled.

        Costs one timeout scope, no task: fit for a watch's wait for its next event.
        """
        scope = asyncio.timeout(0 if self.started else None)
        try:
            async with scope:
                self._scopes.add(scope)
                return await awaitable
        except TimeoutError:
            if not scope.expired():
                raise  # the awaitable's own
            return None
        finally:
            self._scopes.discard(scope)

    async def until(self, source: AsyncIterator[T]) -> AsyncIterator[T]:
        """The items of `source` up to the beginning of the drain."""
        while not self.started:
            try:
                item = await self.unless_started(_boxed(source))
            except StopAsyncIteration:
                return
            if item is None:
                return
            yield item[0]


async def _boxed(source: AsyncIterator[T]) -> tuple[T]:
    return (await anext(source),)
