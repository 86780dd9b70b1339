"""Runs a coroutine without a task: it goes on at once, in the callback that brings what it waits for.

A task goes on with the loop's next turn, which costs a future, a handle and a switch of context for each wait, some
2 µs; a request waits twice at the least. What needs a task of its own (`asyncio.timeout`, whatever asks for the
current task) is given one by whoever calls it.
"""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Final, TypeVar

T = TypeVar("T")
Callback = Callable[[Any], object]


class Waiting:
    """What one story waits for, over and over; no task can."""

    __slots__ = ("_go_on",)

    def __init__(self) -> None:
        self._go_on: Callback | None = None

    @property
    def waited_for(self) -> bool:
        """Whether a story stands still here."""
        return self._go_on is not None

    def over(self) -> None:
        """Lets the story go on, now; nothing happens when none waits."""
        go_on, self._go_on = self._go_on, None
        if go_on is not None:
            go_on(None)

    def __await__(self) -> Generator["Waiting", None, None]:
        yield self


class Story:
    """A running coroutine. It must not fail: only whoever let it go on would be told."""

    __slots__ = ("_coroutine",)

    def __init__(self, coroutine: Coroutine[Any, None, None]) -> None:
        """Runs it to its first wait."""
        self._coroutine: Final = coroutine
        self._go_on(None)

    def _go_on(self, _awaited: object) -> None:
        try:
            awaited = self._coroutine.send(None)
        except StopIteration:
            return
        if isinstance(awaited, Waiting):
            awaited._go_on = self._go_on
        else:
            awaited._asyncio_future_blocking = False  # as a task does: it is known now who waits
            awaited.add_done_callback(self._go_on)


def in_task(coroutine: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
    """A task for a step that needs one."""
    return asyncio.get_running_loop().create_task(coroutine)
