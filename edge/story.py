"""Runs a coroutine without a task: it goes on at once, in the callback that brings what it waits for.

A task goes on with the loop's next turn, which costs a future, a handle and a switch of context for each wait, some
2 µs; a request waits twice at the least. What needs a task of its own (`asyncio.timeout`, whatever asks for the
current task) is given one by whoever calls it.
"""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context
from typing import Any, Final, TypeVar

T = TypeVar("T")
Callback = Callable[[Any], object]


class Waiting:
    """What one coroutine waits for, over and over; future-like in the sense of `asyncio.isfuture`."""

    __slots__ = ("_asyncio_future_blocking", "_callback", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._callback: Callback | None = None
        self._asyncio_future_blocking = False

    @property
    def waited_for(self) -> bool:
        """Whether the coroutine stands still here."""
        return self._callback is not None

    def over(self) -> None:
        """Lets the coroutine go on, now; nothing happens when it does not wait."""
        callback = self._callback
        if callback is not None:
            self._callback = None
            callback(self)

    def __await__(self) -> Generator["Waiting", None, None]:
        self._asyncio_future_blocking = True
        yield self

    def add_done_callback(self, callback: Callback, *, context: Context | None = None) -> None:
        """What is called when the wait is over."""
        self._callback = callback

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """The loop that the wait belongs to."""
        return self._loop

    def result(self) -> None:
        """A wait has no result."""


class Story:
    """A running coroutine. It must not fail: nobody is there to be told."""

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
        awaited._asyncio_future_blocking = False  # as a task does: it is known now who waits
        awaited.add_done_callback(self._go_on)


def in_task(coroutine: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
    """A task for a step that needs one."""
    return asyncio.get_running_loop().create_task(coroutine)
