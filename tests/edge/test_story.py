"""A coroutine without a task goes on in the very callback that it waits for, and fails and ends like any other."""

import asyncio
from collections.abc import Awaitable

import pytest

from edge.story import Story, Waiting, in_task


async def test_it_goes_on_before_the_callback_returns() -> None:
    waiting, told = Waiting(), list[int]()

    async def tell() -> None:
        for number in range(3):
            told.append(number)
            await waiting

    Story(tell())
    assert (told, waiting.waited_for) == ([0], True)
    waiting.over()
    assert told == [0, 1]
    waiting.over()
    waiting.over()
    assert (told, waiting.waited_for) == ([0, 1, 2], False)


async def test_a_wait_that_nobody_is_in_ends_without_effect() -> None:
    waiting = Waiting()
    waiting.over()
    assert not waiting.waited_for


async def test_it_waits_for_futures_and_tasks_and_hears_of_their_failures() -> None:
    loop, told, both = asyncio.get_running_loop(), list[str](), asyncio.Event()
    future: asyncio.Future[str] = loop.create_future()

    async def fail() -> str:
        async with asyncio.timeout(5):  # needs a task of its own
            await asyncio.sleep(0)
            raise ValueError("no")

    async def hear(awaited: Awaitable[str]) -> None:
        try:
            told.append(await awaited)
        except ValueError as error:
            told.append(str(error))
        if len(told) == 2:
            both.set()

    Story(hear(future))
    failing = in_task(fail())
    Story(hear(failing))
    future.set_result("yes")
    async with asyncio.timeout(5):
        await both.wait()
    assert sorted(told) == ["no", "yes"]


async def test_what_fails_is_told_to_whoever_let_it_go_on() -> None:
    waiting = Waiting()

    async def fail() -> None:
        await waiting
        raise ValueError("no")

    Story(fail())
    with pytest.raises(ValueError, match="no"):
        waiting.over()
