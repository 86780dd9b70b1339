"""The timing wheel: what is due expires, what has moved on does not, and looking costs nothing before."""

from math import inf

from edge.deadlines import TICK_SECONDS, Deadlines


class Holder:
    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.expired = 0

    def expire(self) -> None:
        self.expired += 1
        self.deadline = inf


def test_a_holder_expires_within_a_tick_of_its_deadline() -> None:
    wheel, holder = Deadlines(), Holder(1.0)
    wheel.watch(holder)
    wheel.sweep(1.0 - TICK_SECONDS)
    assert holder.expired == 0
    wheel.sweep(1.0 + TICK_SECONDS)
    assert holder.expired == 1


def test_a_deadline_that_has_moved_on_is_met_later() -> None:
    wheel, holder = Deadlines(), Holder(1.0)
    wheel.watch(holder)
    holder.deadline = 2.0
    wheel.sweep(1.5)
    assert holder.expired == 0
    wheel.sweep(2.0 + TICK_SECONDS)
    assert holder.expired == 1


def test_a_deadline_that_has_moved_closer_is_met_when_hastened() -> None:
    wheel, holder = Deadlines(), Holder(50.0)
    wheel.watch(holder)
    holder.deadline = 1.0
    wheel.hasten(holder)
    wheel.sweep(1.0 + TICK_SECONDS)
    assert holder.expired == 1


def test_a_holder_without_a_deadline_may_get_one() -> None:
    wheel, holder = Deadlines(), Holder(inf)
    wheel.watch(holder)
    wheel.sweep(10.0)
    holder.deadline = 11.0
    wheel.hasten(holder)
    wheel.sweep(11.0 + TICK_SECONDS)
    assert holder.expired == 1


def test_a_forgotten_holder_never_expires() -> None:
    wheel, holder = Deadlines(), Holder(1.0)
    wheel.watch(holder)
    wheel.forget(holder)
    wheel.sweep(5.0)
    assert holder.expired == 0


def test_a_holder_that_expired_once_does_not_expire_again() -> None:
    wheel, holder = Deadlines(), Holder(1.0)
    wheel.watch(holder)
    wheel.sweep(2.0)
    wheel.sweep(3.0)
    assert holder.expired == 1
