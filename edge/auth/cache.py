"""Proven principals by the digest of their credential, a bounded number of them. Pure.

All are kept as octets, of which the garbage collector knows nothing; those in use as objects besides. (100,000 ordinary
objects cost it a pause of 100 ms in a trial, tuples of plain values one of 20 ms while the cache filled.)
"""

import marshal
from collections import OrderedDict
from operator import attrgetter
from typing import Final

from edge.principal import Principal, PrincipalKind, TenantAccess

CAPACITY: Final = 100_000
READY: Final = 4096
DIGEST_BYTES: Final = 32
# How many credentials in use are passed over for one that is not; all may be in use.
_PASSED_OVER: Final = 8


class Entry:
    """A proven principal. No invalidation up to revision `seen` has hit it; `fresh_until` is a steady time."""

    __slots__ = ("fresh_until", "principal", "seen")

    def __init__(self, principal: Principal, seen: int, fresh_until: float) -> None:
        self.principal = principal
        self.seen = seen
        self.fresh_until = fresh_until


class PrincipalCache:
    """Entries by digest, all as octets, those used last as objects too. When there is no room, the one that came first
    goes, unless it is in use (the algorithm CLOCK, with being ready as the mark).

    A dictionary of octets is never tracked by the collector; an OrderedDict of them is, and cost a full pass 4 ms.
    """

    def __init__(self, capacity: int = CAPACITY, ready: int = READY) -> None:
        self._ready_capacity = min(ready, capacity)
        # A plain dictionary finds its first entry behind all that were dropped before: 5 µs instead of 0.2.
        self.ready: OrderedDict[bytes, Entry] = OrderedDict()
        """For the hot path: a hit is one look-up here."""
        self._packed: dict[bytes, bytes] = {}
        # The digests in order of arrival, one behind the other, around and around; of those forgotten, too.
        self._ring = memoryview(bytearray(capacity * DIGEST_BYTES))
        self._first = 0

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._packed

    def __len__(self) -> int:
        return len(self._packed)

    def get(self, digest: bytes) -> Entry | None:
        """The entry, ready for use, or None."""
        entry = self.ready.get(digest)
        if entry is None and (packed := self._packed.get(digest)) is not None:
            entry = _unpacked(packed)
            self._make_ready(digest, entry)
        return entry

    def put(self, digest: bytes, entry: Entry) -> None:
        """Keeps the entry; drops another one when there is no room."""
        if digest not in self._packed:
            self._make_room(digest)
        self._packed[digest] = _packed(entry)
        self.ready.pop(digest, None)
        self._make_ready(digest, entry)

    def drop(self, digest: bytes) -> None:
        """Forgets one credential."""
        self.ready.pop(digest, None)
        self._packed.pop(digest, None)

    def clear(self) -> None:
        """Forgets all of them."""
        self.ready.clear()
        self._packed.clear()

    def _make_room(self, digest: bytes) -> None:
        """Gives the digest the place of the one that came first."""
        for chance in range(_PASSED_OVER + 1):
            place = self._ring[self._first : self._first + DIGEST_BYTES]
            self._first = (self._first + DIGEST_BYTES) % len(self._ring)
            first = bytes(place)
            if chance == _PASSED_OVER or first not in self.ready:
                self.drop(first)
                place[:] = digest
                return

    def _make_ready(self, digest: bytes, entry: Entry) -> None:
        self.ready[digest] = entry
        if len(self.ready) > self._ready_capacity:
            self.ready.popitem(last=False)


_KINDS: Final = {kind.value: kind for kind in PrincipalKind}
# The fields of a principal in order, but for those that are no plain values: these are packed and made again by hand.
_PLAIN: Final = attrgetter(
    *("id", "tenant_id", "name", "email", "role", "tier", "credential_id", "session_id"),
    *("issued_at", "expires_at", "demo"),
)


def _packed(entry: Entry) -> bytes:
    """The entry as it is now. What is found out about it later (`seen`) is found out again."""
    principal = entry.principal
    access = tuple((each.tenant_id, each.role, each.tier) for each in principal.tenant_access)
    values = (principal.kind.value, tuple(principal.scopes), access, *_PLAIN(principal), entry.seen, entry.fresh_until)
    return marshal.dumps(values)


def _unpacked(packed: bytes) -> Entry:
    values = marshal.loads(packed)  # noqa: S302 - our own octets, which never leave the process
    kind, scopes, access, name, tenant, called, email, role, tier, credential, session, issued, ends, demo = values[:14]
    principal = Principal(
        _KINDS[kind],
        name,
        tenant,
        called,
        email,
        role,
        frozenset(scopes),
        tier,
        credential,
        session,
        issued,
        ends,
        demo,
        tuple(TenantAccess(*each) for each in access) if access else (),
    )
    return Entry(principal, values[14], values[15])
