"""Keeps an async context manager open on the loop of a thread of its own: session fixtures outlive every
test's loop, and a child process dies with the thread that started it (PR_SET_PDEATHSIG)."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def opened_in_background(context: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """What the context yields, until this one is left; what it raises at its start is raised here."""
    opened: Future[T] = Future()
    leave = asyncio.Event()
    loop = asyncio.new_event_loop()

    async def hold() -> None:
        try:
            async with context as value:
                opened.set_result(value)
                await leave.wait()
        except BaseException as error:
            if opened.done():
                raise
            opened.set_exception(error)

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(hold())

    thread = threading.Thread(target=run, name="background", daemon=True)
    thread.start()
    try:
        yield opened.result()
    finally:
        if thread.is_alive():
            loop.call_soon_threadsafe(leave.set)
        thread.join(timeout=30)
