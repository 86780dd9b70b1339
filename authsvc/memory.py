"""Whom API keys have proven, by the SHA-256 of the key, and what has ended that since. Pure.

Only proofs are remembered: whatever proves nobody costs a look-up each time, so that its time tells nothing either.
Entries are tuples of plain values, which the garbage collector stops tracking.
"""

from collections.abc import Sequence
from datetime import UTC
from math import inf
from typing import Final, TypeAlias

from penstock.auth.v1.principal_pb2 import Principal

from authsvc.invalidations.log import Event, Scope

CAPACITY: Final = 100_000
# Nothing has been read of the log.
_UNREAD: Final = -1


# Key id, principal id, tenant id, expiry in seconds since 1970, the serialised principal.
_Entry: TypeAlias = tuple[str, str, str, float, bytes]


class Memory:
    """At most `capacity` principals; the one that was used least recently goes first.

    `applied` is the newest revision that is in force here.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._entries: dict[bytes, _Entry] = {}  # by digest, the least recently used first
        self._digests: dict[str, bytes] = {}  # by key id
        self.applied = _UNREAD

    def __contains__(self, digest: bytes | None) -> bool:
        return digest in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def recall(self, digest: bytes, now: float) -> Principal | None:
        """Whom the key with this digest proves, as of the revision `applied`; `now` in seconds since 1970."""
        entry = self._entries.pop(digest, None)
        if entry is None:
            return None
        key_id, _, _, expires_at, packed = entry
        if now >= expires_at:
            del self._digests[key_id]
            return None
        self._entries[digest] = entry
        return Principal.FromString(packed)

    def keep(self, digest: bytes, principal: Principal, seen: int) -> None:
        """Remembers a proof that was read from the store when `seen` was the newest revision.

        Not when events have been applied since: one of them may have ended it.
        """
        if seen < self.applied or self._capacity == 0:
            return
        if self.applied == _UNREAD:
            self.applied = seen  # nothing is remembered that anything before could have ended
        expires = principal.expire_time
        expires_at = expires.ToDatetime(UTC).timestamp() if principal.HasField("expire_time") else inf
        key_id, packed = principal.credential_id, principal.SerializeToString()
        self._entries.pop(digest, None)
        self._entries[digest] = (key_id, principal.id, principal.tenant_id, expires_at, packed)
        self._digests[key_id] = digest
        if len(self._entries) > self._capacity:
            self._drop(next(iter(self._entries)))

    def follow(self, head: int, page: Sequence[Event]) -> None:
        """Puts in force the events that come after `applied`, of a log whose newest revision is `head`.

        Starts anew where the log has no longer, or never had, what comes next.
        """
        if head == self.applied:
            return
        if not page or page[0].revision != self.applied + 1:
            self._entries.clear()
            self._digests.clear()
            self.applied = head
            return
        for event in page:
            self._apply(event)
            self.applied = event.revision

    def _apply(self, event: Event) -> None:
        match event.scope:
            case Scope.API_KEY:
                ended = [self._digests[event.subject]] if event.subject in self._digests else []
            case Scope.PRINCIPAL:
                ended = [digest for digest, each in self._entries.items() if each[1] == event.subject]
            case Scope.TENANT:
                ended = [digest for digest, each in self._entries.items() if each[2] == event.subject]
            case Scope.SESSION | Scope.SIGNING_KEY:
                return  # of tokens, which are not remembered here
        for digest in ended:
            self._drop(digest)

    def _drop(self, digest: bytes) -> None:
        del self._digests[self._entries.pop(digest)[0]]
