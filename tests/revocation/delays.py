"""Lets every await of a loop take a while longer, so that what can overtake does overtake."""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from random import Random
from types import coroutine
from typing import Any


def plant(loop: asyncio.AbstractEventLoop, most_seconds: float, seed: int) -> None:
    """From now on tasks of the loop go on later than they could, after each await: mostly a little, at times by
    `most_seconds`."""
    drawn = Random(seed)  # noqa: S311 - no secret

    def make(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **named: Any) -> "asyncio.Task[Any]":
        return asyncio.Task(_later(work, lambda: most_seconds * drawn.random() ** 3), loop=loop, **named)

    loop.set_task_factory(make)  # type: ignore[arg-type]  # typeshed knows no factory with names


async def _later(work: Coroutine[Any, Any, Any], draw: Callable[[], float]) -> Any:
    return await _driven(work, draw)


@coroutine
def _driven(work: Coroutine[Any, Any, Any], draw: Callable[[], float]) -> Generator[Any, Any, Any]:
    """Takes `work` from one of its awaits to the next, as a task does."""
    error: BaseException | None = None
    while True:
        try:
            awaited = work.send(None) if error is None else work.throw(error)
        except StopIteration as end:
            return end.value
        error = None
        try:
            yield awaited
            yield from asyncio.sleep(draw()).__await__()
        except GeneratorExit:
            work.close()
            raise
        except BaseException as raised:
            error = raised
