"""Two directions of a stream: whichever ends first ends the other, and the task itself is left as it was."""

import asyncio

import pytest

from svckit.side_by_side import until_one_ends


class Broken(Exception):
    pass


async def breaks() -> None:
    await asyncio.sleep(0)
    raise Broken


async def ends() -> None:
    await asyncio.sleep(0)


class Endless:
    """Goes on until it is cancelled, and says so."""

    def __init__(self) -> None:
        self.cancelled = False

    async def run(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled = True


async def test_the_first_end_cancels_the_rest() -> None:
    other = Endless()
    await until_one_ends(other.run(), ends())
    assert other.cancelled


async def test_the_first_failure_is_raised_as_it_is() -> None:
    other = Endless()
    with pytest.raises(Broken):
        await until_one_ends(other.run(), breaks())
    assert other.cancelled


async def test_a_cancellation_reaches_both_and_wins_over_how_they_end() -> None:
    one, other = Endless(), Endless()
    task = asyncio.get_running_loop().create_task(until_one_ends(one.run(), other.run()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert one.cancelled
    assert other.cancelled


async def test_a_timeout_after_a_failure_is_a_timeout() -> None:
    """A failed task group leaves its task marked as cancelled on Python 3.11.2; the timeout would then cancel it."""
    with pytest.raises(Broken):
        await until_one_ends(Endless().run(), breaks())
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await asyncio.Event().wait()
