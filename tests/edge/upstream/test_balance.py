"""How targets are chosen: in turn by weight, by load, by key."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.upstream.balance import Ring, Turns, key_of, least_loaded, warm_weight

weights = st.lists(st.integers(1, 1000), min_size=1, max_size=40)


@given(weights, st.integers(0, 10**6))
def test_in_every_row_of_turns_each_target_has_as_many_as_its_weight_says(weights: list[int], start: int) -> None:
    turns = Turns(weights)
    taken = Counter(turns.at(turn) for turn in range(start, start + turns.total))
    assert [taken[place] * sum(weights) for place in range(len(weights))] == [each * turns.total for each in weights]


def test_targets_of_one_weight_come_one_after_the_other() -> None:
    turns = Turns([7, 7, 7])
    assert [turns.at(turn) for turn in range(6)] == [0, 1, 2, 0, 1, 2]


def test_the_turns_of_a_heavy_target_lie_apart() -> None:
    turns = Turns([5, 1, 1])
    row = [turns.at(turn) for turn in range(14)]
    others = [at for at, place in enumerate(row) if place != 0]
    assert all(later - earlier >= 2 for earlier, later in pairwise(others))


loaded = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 1000)), min_size=1, max_size=20)


@given(loaded, st.integers(0, 1000))
def test_the_least_loaded_has_no_more_requests_for_its_weight_than_any_other(
    given: list[tuple[int, int]], turn: int
) -> None:
    loads, weights = [load for load, _ in given], [weight for _, weight in given]
    chosen = least_loaded(loads, weights, turn)
    assert all((loads[chosen] + 1) / weights[chosen] <= (load + 1) / weight for load, weight in given)


@given(st.integers(1, 20))
def test_idle_targets_are_taken_in_turn(count: int) -> None:
    assert [least_loaded([0] * count, [1] * count, turn) for turn in range(count)] == list(range(count))


names = st.lists(st.integers(1, 10**6).map(lambda n: f"10.0.0.{n}:80"), min_size=1, max_size=12, unique=True)
keys = st.binary(max_size=20).map(key_of)


@given(names, keys, st.data())
def test_a_target_that_goes_moves_the_keys_that_were_its_own_and_no_others(
    names: list[str], key: int, data: st.DataObject
) -> None:
    ring, everybody = Ring(names, [1] * len(names)), range(len(names))
    chosen = ring.at(key, everybody)
    gone = data.draw(st.sampled_from(everybody))
    rest = [place for place in everybody if place != gone]
    if rest:
        moved = ring.at(key, rest)
        assert moved == chosen if chosen != gone else moved != gone
        others = [names[place] for place in rest]
        assert others[Ring(others, [1] * len(others)).at(key, range(len(others)))] == names[moved]


def test_keys_are_shared_by_weight() -> None:
    ring = Ring([f"10.0.0.{each}:80" for each in range(4)], [1, 1, 1, 3])
    shares = Counter(ring.at(key_of(str(each).encode()), range(4)) for each in range(6000))
    assert [shares[place] / 1000 for place in range(4)] == pytest.approx([1, 1, 1, 3], rel=0.3)


def test_a_ring_without_a_usable_target_chooses_none() -> None:
    with pytest.raises(ValueError, match="usable"):
        Ring(["a:1"], [1]).at(0, ())


@given(st.integers(1, 1000), st.floats(0, 100), st.floats(0, 100))
def test_a_target_that_comes_back_grows_to_its_weight_and_is_never_without_requests(
    weight: int, age: float, slow_start: float
) -> None:
    warm = warm_weight(weight, age, slow_start)
    assert 1 <= warm <= weight * 100
    assert warm <= warm_weight(weight, age + 1, slow_start)
    assert warm_weight(weight, slow_start, slow_start) == weight * 100


def test_it_begins_with_a_tenth() -> None:
    assert [warm_weight(5, age, 30.0) for age in (0.0, 3.0, 15.0, 30.0)] == [50, 50, 250, 500]
