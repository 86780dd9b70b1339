"""How many messages a client may still send in a tunnel: a token bucket, kept as one moment (GCRA). Pure.

The bucket is full at first and fills evenly. In ITU-T I.371 the moment is called the theoretical arrival time: the one
at which the bucket would be full.
"""

from math import ceil
from typing import Final


class Meter:
    """`messages` in each `seconds`, and as many at once."""

    __slots__ = ("_each", "_full_at", "_messages")

    def __init__(self, messages: int, seconds: float) -> None:
        self._messages: Final = messages
        self._each: Final = seconds / messages
        self._full_at = 0.0

    def left(self, now: float) -> int:
        """How many may come at `now`, in seconds of any clock that does not go back."""
        lacking = self._full_at - now
        return self._messages if lacking <= 0 else self._messages - ceil(lacking / self._each)

    def spend(self, messages: int, now: float) -> None:
        """So many have come."""
        self._full_at = max(self._full_at, now) + messages * self._each
