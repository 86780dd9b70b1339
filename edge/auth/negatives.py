"""Credentials that authsvc refused a moment ago. Small and apart, so that a flood of them evicts no principal. Pure."""

from typing import Final

from edge.principal import Rejection

CAPACITY: Final = 4096
LIFETIME_SECONDS: Final = 30.0


class Negatives:
    """Refusals by the digest of their credential, in order of arrival. Times are those of the steady clock."""

    def __init__(self, capacity: int = CAPACITY, lifetime_seconds: float = LIFETIME_SECONDS) -> None:
        self._capacity = capacity
        self._lifetime = lifetime_seconds
        self._entries: dict[bytes, tuple[float, Rejection]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, digest: bytes, now: float) -> Rejection | None:
        """The refusal, while it holds."""
        entry = self._entries.get(digest)
        return entry[1] if entry is not None and now < entry[0] else None

    def put(self, digest: bytes, rejection: Rejection, now: float) -> None:
        """Keeps a refusal; drops the oldest when there is no room."""
        self._entries.pop(digest, None)
        self._entries[digest] = (now + self._lifetime, rejection)
        if len(self._entries) > self._capacity:
            del self._entries[next(iter(self._entries))]

    def clear(self) -> None:
        """Forgets all: any change of a tenant's credentials may have made one of them good."""
        self._entries.clear()
