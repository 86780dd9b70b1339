"""Runs the two directions of a stream side by side, for as long as both go on."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def until_one_ends(*work: Coroutine[Any, Any, None]) -> None:
    """Runs `work` until the first of it ends, then cancels the rest and waits for that; raises what the first raised.

    In place of a task group where a failure is ordinary and the task lives on. Before Python 3.11.4 a group whose
    child failed leaves `Task.cancelling()` of its own task raised, and from then on that task takes every end of
    an `asyncio.timeout` for its cancellation (cpython gh-102780): it would end without a word.
    """
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(each) for each in work]
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:
        if task in ended:
            task.result()
