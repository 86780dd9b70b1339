"""Chooses among targets: in turn by weight, the least loaded, or the same one for the same key. Pure.

Targets are known by their places in a list; who of them is in use is the caller's business.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from hashlib import blake2b
from itertools import accumulate
from math import ceil, gcd
from typing import Final

POINTS: Final = 160
"""Of the heaviest target on a ring, as ketama has them: shares then differ by some 8 % from the weights."""
_POINT_BYTES: Final = 8
_DIGEST_BYTES: Final = 64
_GOLDEN: Final = 0.6180339887498949
WARMEST: Final = 0.1
"""The share of its weight that a target begins with when it comes back, as in Envoy."""


class Turns:
    """Weights to be taken in turn: in every row of `total` turns each target has as many as its weight says.

    Turns go round by steps of about the golden ratio of a row, so that those of a heavy target lie apart.
    """

    __slots__ = ("_bounds", "_step", "total")

    def __init__(self, weights: Sequence[int]) -> None:
        """`weights` of one target at least, each at least 1."""
        shared = gcd(*weights)
        self._bounds = tuple(accumulate(weight // shared for weight in weights))
        self.total: Final = self._bounds[-1]
        step = 1 if self.total == len(weights) else max(1, round(self.total * _GOLDEN))
        while gcd(step, self.total) != 1:
            step += 1
        self._step = step

    def at(self, turn: int) -> int:
        """The place of the target whose turn it is."""
        return bisect_right(self._bounds, turn * self._step % self.total)


def least_loaded(loads: Sequence[int], weights: Sequence[int], turn: int) -> int:
    """The place of the target with the fewest requests for its weight; of equal ones another each turn."""
    count = len(loads)
    first = turn % count
    best, least = first, (loads[first] + 1) / weights[first]
    for at in range(first + 1, first + count):
        place = at if at < count else at - count
        load = (loads[place] + 1) / weights[place]
        if load < least:
            best, least = place, load
    return best


def key_of(data: bytes) -> int:
    """Where a key lies on every ring."""
    return int.from_bytes(blake2b(data, digest_size=_POINT_BYTES).digest(), "big")


class Ring:
    """A consistent hash: each target has points on a ring, a key belongs to the next point after it.

    The points follow from names and weights alone, so every worker of every gateway has the same ring, and a target
    that comes or goes moves only the keys that are its own.
    """

    __slots__ = ("_places", "_points")

    def __init__(self, names: Sequence[str], weights: Sequence[int]) -> None:
        heaviest = max(weights)
        points = sorted(
            (point, place)
            for place, (name, weight) in enumerate(zip(names, weights, strict=True))
            for point in _points(name, ceil(POINTS * weight / heaviest))
        )
        self._points = [point for point, _ in points]
        self._places = [place for _, place in points]

    def at(self, key: int, usable: Collection[int]) -> int:
        """The place of the key's target, of those that are `usable`: one at least."""
        places, count = self._places, len(self._places)
        start = bisect_right(self._points, key)
        for at in range(start, start + count):
            if (place := places[at % count]) in usable:
                return place
        raise ValueError("no target is usable")


def _points(name: str, count: int) -> Iterator[int]:
    made = 0
    for block in range(ceil(count * _POINT_BYTES / _DIGEST_BYTES)):
        digest = blake2b(f"{name}/{block}".encode(), digest_size=_DIGEST_BYTES).digest()
        for at in range(0, _DIGEST_BYTES, _POINT_BYTES):
            if made == count:
                return
            made += 1
            yield int.from_bytes(digest[at : at + _POINT_BYTES], "big")


def warm_weight(weight: int, age: float, slow_start: float) -> int:
    """The weight, times 100, of a target that came back `age` seconds ago."""
    if age >= slow_start:
        return weight * 100
    return max(1, round(weight * 100 * max(WARMEST, age / slow_start)))
