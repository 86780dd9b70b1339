"""The warm copy on disk, `config.bin`: one sealed file, replaced as a whole. One worker of a host writes it.

Layout: `PSCF` | layout version (1) | HMAC (32) | head (8) | number of events (4) | per event: length (4), event.
The HMAC covers the scope and all that follows it, so a file of another scope or cluster is not ours.
"""

import fcntl
import os
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from google.protobuf.message import DecodeError
from penstock.config.v1 import config_service_pb2 as pb

from domain.tenants import parse_tenant_id
from edge.config.ledger import Copy
from edge.config.seal import MAC_BYTES, Seal
from edge.config.warm_copy import WarmCopy

_FILE: Final = "config.bin"
_LOCK: Final = "config.lock"
_MAGIC: Final = b"PSCF\x01"
_HEAD: Final = struct.Struct("!QI")
_LENGTH: Final = struct.Struct("!I")


class WarmDisk:
    """Reads and writes the copy in a data directory. All methods block: call them off the event loop."""

    def __init__(self, data_dir: Path, scope: str, seal: Seal) -> None:
        self._path = data_dir / _FILE
        self._scope = scope.encode()
        self._seal = seal
        self._lock: int | None = None
        self._caught_up = False

    def load(self) -> WarmCopy | None:
        """The copy, or None when there is none that is whole and ours. Never raises for what the file holds."""
        try:
            content = self._path.read_bytes()
        except OSError:
            return None
        start = len(_MAGIC) + MAC_BYTES
        body = content[start:]
        if content[: len(_MAGIC)] != _MAGIC or len(body) < _HEAD.size:
            return None
        if not self._seal.holds(content[len(_MAGIC) : start], self._scope, body):
            return None
        head, count = _HEAD.unpack_from(body)
        return WarmCopy(head, tuple(_events(body, count)))

    def save(self, head: int, copies: Iterable[Copy]) -> bool:
        """Replaces the copy, unless a newer one is there; False when another worker of this host is the writer.

        OSError when the directory cannot be written.
        """
        if not self._claim():
            return False
        kept = tuple(copies)
        if not self._caught_up and not self._covers(kept):
            return True  # the writer before had come further: its copy stands until we are there too
        self._caught_up = True
        events = [copy.event for copy in kept]
        body = b"".join(
            (_HEAD.pack(head, len(events)), *(part for each in events for part in (_LENGTH.pack(len(each)), each)))
        )
        partial = self._path.with_suffix(".partial")
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(_MAGIC + self._seal.mac(self._scope, body) + body)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self._path)
        _sync_directory(self._path.parent)
        return True

    def close(self) -> None:
        """Lets another worker be the writer."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _covers(self, copies: Iterable[Copy]) -> bool:
        """Whether nothing in the present file is newer than `copies`. To be asked once: the lock is ours alone."""
        present = self.load()
        ours = {copy.tenant: copy.revision for copy in copies}
        return present is None or all(ours.get(copy.tenant, 0) >= copy.revision for copy in present.copies)

    def _claim(self) -> bool:
        """Takes the host's writer lock, which ends with the process however it ends."""
        if self._lock is not None:
            return True
        descriptor = os.open(self._path.with_name(_LOCK), os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._lock, self._caught_up = descriptor, False
        return True


def copy_of_event(event: bytes) -> Copy | None:
    """The copy of one serialised event, or None when it is not one of a tenant."""
    try:
        message = pb.WatchConfigResponse.FromString(event)
    except DecodeError:
        return None
    change = message.tombstone if message.HasField("tombstone") else message.snapshot
    spelled = change.tenant_id if isinstance(change, pb.TenantTombstone) else change.tenant.id
    tenant = parse_tenant_id(spelled)
    return None if tenant is None else Copy(tenant, change.revision, event)


def _events(body: bytes, count: int) -> Iterable[Copy]:
    at = _HEAD.size
    for _ in range(count):
        (length,) = _LENGTH.unpack_from(body, at)
        at += _LENGTH.size
        copy = copy_of_event(body[at : at + length])
        if copy is not None:
            yield copy
        at += length


def _sync_directory(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
