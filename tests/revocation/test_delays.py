"""What planted delays change and what they do not."""

import asyncio

from tests.revocation import delays


async def test_what_would_come_first_may_come_last() -> None:
    delays.plant(asyncio.get_running_loop(), 0.01, seed=1)
    came: list[int] = []

    async def come(number: int) -> None:
        await asyncio.sleep(0)
        came.append(number)

    async with asyncio.TaskGroup() as tasks:
        for number in range(50):
            tasks.create_task(come(number))
    assert sorted(came) == list(range(50)) != came


async def test_results_failures_and_deadlines_pass_through() -> None:
    delays.plant(asyncio.get_running_loop(), 0.001, seed=1)
    told: list[str] = []

    async def work() -> int:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()
        except TimeoutError:
            told.append("late")
        await asyncio.sleep(0, "result")
        raise LookupError

    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(work())
    except* LookupError:
        told.append("failed")
    assert told == ["late", "failed"]
