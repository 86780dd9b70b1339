"""The drain ends waits and streams, once, and is told apart from other ends."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from svckit.drain import Drain


async def endless() -> AsyncIterator[int]:
    yield 1
    await asyncio.Event().wait()
    yield 2


async def test_a_wait_gives_its_result_while_there_is_no_drain() -> None:
    drain = Drain()

    async def answer() -> int:
        await asyncio.sleep(0)
        return 7

    assert await drain.unless_started(answer()) == 7
    assert not drain.started


async def test_a_wait_that_the_drain_ends_gives_none_and_is_cancelled() -> None:
    drain, cancelled = Drain(), asyncio.Event()

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(drain.unless_started(forever()))
        await asyncio.sleep(0)
        drain.start()
    assert waiting.result() is None
    assert cancelled.is_set()


async def test_a_wait_after_the_start_of_the_drain_ends_at_once() -> None:
    drain = Drain()
    drain.start()
    drain.start()

    assert await drain.unless_started(asyncio.Event().wait()) is None
    await drain.wait()


async def test_a_timeout_of_the_awaited_is_its_own() -> None:
    async def late() -> None:
        raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="mine"):
        await Drain().unless_started(late())


async def test_a_cancelled_task_is_not_taken_for_a_drain() -> None:
    drain = Drain()
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(drain.unless_started(asyncio.Event().wait()))
        await asyncio.sleep(0)
        waiting.cancel()
    assert waiting.cancelled()


async def test_a_stream_ends_with_its_source_or_with_the_drain() -> None:
    drain = Drain()

    async def short() -> AsyncIterator[int]:
        yield 1
        yield 2

    async def drained() -> list[int]:
        seen = []
        async for item in drain.until(endless()):
            seen.append(item)
            asyncio.get_running_loop().call_soon(drain.start)
        return seen

    assert [item async for item in drain.until(short())] == [1, 2]
    assert await drained() == [1]
    assert [item async for item in drain.until(short())] == []
