"""Proven principals by the digest of their credential, a bounded number of them. Pure.

Few are kept as objects, ready for use; the rest as tuples of plain values, which the garbage collector
stops tracking (100,000 ordinary objects cost it a pause of 100 ms in a trial).
"""

from dataclasses import fields
from typing import Any, Final, TypeAlias

from edge.principal import Principal, PrincipalKind, TenantAccess

CAPACITY: Final = 100_000
READY: Final = 4096
Packed: TypeAlias = tuple[Any, ...]


class Entry:
    """A proven principal. No invalidation up to revision `seen` has hit it; `fresh_until` is a steady time."""

    __slots__ = ("fresh_until", "principal", "seen")

    def __init__(self, principal: Principal, seen: int, fresh_until: float) -> None:
        self.principal = principal
        self.seen = seen
        self.fresh_until = fresh_until


class PrincipalCache:
    """Two dictionaries in order of arrival; an entry that is used moves from the packed to the ready ones."""

    def __init__(self, capacity: int = CAPACITY, ready: int = READY) -> None:
        self._packed_capacity = max(capacity - ready, 0)
        self._ready_capacity = min(ready, capacity)
        self.ready: dict[bytes, Entry] = {}
        """For the hot path: a hit is one look-up here."""
        self._packed: dict[bytes, Packed] = {}

    def __contains__(self, digest: bytes) -> bool:
        return digest in self.ready or digest in self._packed

    def __len__(self) -> int:
        return len(self.ready) + len(self._packed)

    def get(self, digest: bytes) -> Entry | None:
        """The entry, ready for use, or None."""
        entry = self.ready.get(digest)
        if entry is None and (packed := self._packed.pop(digest, None)) is not None:
            entry = _unpacked(packed)
            self._keep(digest, entry)
        return entry

    def put(self, digest: bytes, entry: Entry) -> None:
        """Keeps the entry; drops the one that was used least recently, about, when there is no room."""
        self._packed.pop(digest, None)
        self.ready.pop(digest, None)
        self._keep(digest, entry)

    def drop(self, digest: bytes) -> None:
        """Forgets one credential."""
        self.ready.pop(digest, None)
        self._packed.pop(digest, None)

    def clear(self) -> None:
        """Forgets all of them."""
        self.ready.clear()
        self._packed.clear()

    def _keep(self, digest: bytes, entry: Entry) -> None:
        self.ready[digest] = entry
        if len(self.ready) <= self._ready_capacity:
            return
        oldest = next(iter(self.ready))
        packed = _packed(self.ready.pop(oldest))
        if self._packed_capacity == 0:
            return
        self._packed[oldest] = packed
        if len(self._packed) > self._packed_capacity:
            del self._packed[next(iter(self._packed))]


_FIELDS: Final = tuple(field.name for field in fields(Principal))
_KIND, _SCOPES, _ACCESS = (_FIELDS.index(name) for name in ("kind", "scopes", "tenant_access"))


def _packed(entry: Entry) -> Packed:
    values = [getattr(entry.principal, name) for name in _FIELDS]
    values[_KIND] = entry.principal.kind.value
    values[_SCOPES] = tuple(entry.principal.scopes)
    values[_ACCESS] = tuple((each.tenant_id, each.role, each.tier) for each in entry.principal.tenant_access)
    return (*values, entry.seen, entry.fresh_until)


def _unpacked(packed: Packed) -> Entry:
    values = list(packed[: len(_FIELDS)])
    values[_KIND] = PrincipalKind(values[_KIND])
    values[_SCOPES] = frozenset(values[_SCOPES])
    values[_ACCESS] = tuple(TenantAccess(*each) for each in values[_ACCESS])
    return Entry(Principal(*values), *packed[len(_FIELDS) :])
