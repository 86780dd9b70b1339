"""What is known of a call is the task's that serves it."""

import asyncio
import time

import pytest

from svckit.call_context import CALLER, DEADLINE, REQUEST_ID, caller, remaining_seconds, request_id


async def test_outside_a_call_nothing_is_known() -> None:
    assert (request_id(), caller(), remaining_seconds()) == ("", "", None)


@pytest.mark.parametrize(("left", "sign"), [(60.0, 1), (-60.0, -1)], ids=["to come", "past"])
async def test_the_time_left_counts_down_to_the_deadline_and_beyond(left: float, sign: int) -> None:
    DEADLINE.set(time.monotonic() + left)

    remaining = remaining_seconds()

    assert remaining is not None
    assert left - 1 < remaining <= left
    assert remaining * sign > 0


async def test_a_call_that_is_served_beside_another_knows_its_own_alone() -> None:
    both_set = asyncio.Barrier(2)

    async def serve(name: str) -> tuple[str, str]:
        REQUEST_ID.set(f"request of {name}")
        CALLER.set(name)
        await both_set.wait()
        return request_id(), caller()

    async with asyncio.TaskGroup() as tasks:
        served = [tasks.create_task(serve(name)) for name in ("edge", "admin")]

    assert [task.result() for task in served] == [("request of edge", "edge"), ("request of admin", "admin")]
    assert (request_id(), caller()) == ("", "")
