"""The bounded memory of principals."""

import gc

from hypothesis import given
from hypothesis import strategies as st

from edge.auth.cache import Entry, PrincipalCache
from edge.principal import TenantAccess
from tests.edge.auth.principals import consumer


def _entry(name: str) -> Entry:
    return Entry(consumer(name), 1, 3.0)


def _digest(number: int) -> bytes:
    return number.to_bytes(31, "big") + b"."


@given(st.lists(st.tuples(st.sampled_from(["put", "get", "drop"]), st.integers(0, 9)), max_size=60))
def test_it_never_invents_nor_exceeds_its_bounds(steps: list[tuple[str, int]]) -> None:
    cache = PrincipalCache(capacity=5, ready=2)
    model: dict[int, str] = {}
    for number, (step, key) in enumerate(steps):
        if step == "put":
            model[key] = f"Key{number:05}"
            cache.put(_digest(key), _entry(model[key]))
        elif step == "drop":
            model.pop(key, None)
            cache.drop(_digest(key))
        else:
            found = cache.get(_digest(key))
            assert found is None or found.principal == consumer(model[key])
        assert len(cache) <= 5
        assert len(cache.ready) <= 2


def test_what_was_just_put_is_there() -> None:
    cache = PrincipalCache(capacity=3, ready=1)
    for number in range(10):
        cache.put(_digest(number), _entry(f"Key{number:05}"))
        assert cache.get(_digest(number)) is not None
    assert len(cache) == 3
    assert [_digest(number) in cache for number in (0, 7, 9)] == [False, True, True]  # gone, packed, ready


def test_a_principal_survives_packing_whole() -> None:
    principal = consumer("Key00001", expires_at=77.0)
    access = (TenantAccess(principal.tenant_id, "admin", "gold"),)
    principal = type(principal)(
        principal.kind,
        "id",
        principal.tenant_id,
        "n",
        "e",
        "r",
        frozenset({"x"}),
        "t",
        "c",
        "s",
        1.0,
        2.0,
        True,
        access,
    )
    cache = PrincipalCache(capacity=4, ready=1)
    cache.put(_digest(1), Entry(principal, 5, 7.0))
    cache.put(_digest(2), _entry("Key00002"))
    assert _digest(1) not in cache.ready
    found = cache.get(_digest(1))
    assert found is not None
    assert found.principal == principal
    assert (found.seen, found.fresh_until) == (5, 7.0)


def test_only_entries_in_use_are_anything_to_the_garbage_collector() -> None:
    cache = PrincipalCache(capacity=1000, ready=2)
    for number in range(500):
        cache.put(_digest(number), _entry(f"Key{number:05}"))
    cache.get(_digest(3))
    gc.collect()
    assert sum(1 for each in gc.get_objects() if isinstance(each, Entry)) == 2
    assert not gc.is_tracked(cache._packed)
    assert not any(gc.is_tracked(packed) for packed in cache._packed.values())


def test_what_is_in_use_stays_and_what_is_not_goes() -> None:
    cache = PrincipalCache(capacity=4, ready=2)
    for number in range(4):
        cache.put(_digest(number), _entry(f"Key{number:05}"))
    cache.get(_digest(0))
    cache.put(_digest(4), _entry("Key00004"))
    assert [_digest(number) in cache for number in range(5)] == [True, False, True, True, True]


def test_one_of_many_in_use_goes_all_the_same() -> None:
    cache = PrincipalCache(capacity=20, ready=20)
    for number in range(21):
        cache.put(_digest(number), _entry(f"Key{number:05}"))
    assert [number for number in range(21) if _digest(number) not in cache] == [8]


def test_what_is_put_again_takes_no_other_place() -> None:
    cache = PrincipalCache(capacity=3, ready=1)
    for number in (0, 1, 0, 0, 2):
        cache.put(_digest(number), _entry(f"Key{number:05}"))
    assert len(cache) == 3


def test_nothing_is_left_after_clearing() -> None:
    cache = PrincipalCache(capacity=4, ready=1)
    for number in range(3):
        cache.put(_digest(number), _entry(f"Key{number:05}"))
    cache.clear()
    assert len(cache) == 0
    assert cache.get(_digest(0)) is None
