"""Whose turn it is, and who has waited too long."""

import asyncio

from ratelimitsvc.gate import Gate


async def test_so_many_pass_at_a_time_and_the_others_in_the_order_of_their_coming() -> None:
    gate, passed = Gate(2, 60), list[int]()

    async def passing(number: int) -> None:
        assert await gate.enter(gate.deadline())
        passed.append(number)

    async with asyncio.TaskGroup() as tasks:
        waiting = [tasks.create_task(passing(number)) for number in range(4)]
        await asyncio.gather(*waiting[:2])
        assert passed == [0, 1]
        gate.leave()
        await waiting[2]
        assert passed == [0, 1, 2]
        gate.leave()


async def test_whose_turn_does_not_come_before_the_deadline_is_turned_away() -> None:
    gate = Gate(1, 0.01)
    assert await gate.enter(gate.deadline())
    assert not await gate.enter(gate.deadline())
    gate.leave()
    assert await gate.enter(gate.deadline() + 60)


async def test_a_free_gate_is_closed_to_what_comes_too_late() -> None:
    gate = Gate(1, 60)
    assert not await gate.enter(asyncio.get_running_loop().time())
    assert await gate.enter(gate.deadline())


async def test_who_was_turned_away_keeps_nobody_waiting() -> None:
    gate = Gate(1, 60)
    assert await gate.enter(gate.deadline())
    async with asyncio.TaskGroup() as tasks:
        impatient = tasks.create_task(gate.enter(gate.deadline(1)))
        patient = tasks.create_task(gate.enter(gate.deadline()))
        assert not await impatient
        gate.leave()
        assert await patient


async def test_a_budget_shortens_the_wait_and_never_prolongs_it() -> None:
    gate = Gate(1, 10)
    now = asyncio.get_running_loop().time()
    assert gate.deadline(2_000) < now + 10 <= gate.deadline()
    assert gate.deadline(60_000) < now + 60
    assert gate.deadline(60_000) >= now + 10
