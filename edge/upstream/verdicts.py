"""What checks have found, shared by the workers of a machine: one of them asks, all others read what it writes.

Who asks is settled by a file lock, which dies with its holder; the next one goes on with what the file says.
"""

import fcntl
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeAlias

import orjson
import structlog

from domain.tenants import TenantId
from edge.upstream.fleet import TargetKey

Verdicts: TypeAlias = dict[TargetKey, tuple[bool, str]]
"""Whether each target counts as healthy, and why not."""
TRUSTED_SECONDS: Final = 30.0
"""A file that nobody has written for longer is of another time: a new start finds out by itself."""
log = structlog.get_logger(__name__)


class SharedVerdicts:
    """The lock and the file, in the run directory of the workers."""

    def __init__(self, run_dir: Path) -> None:
        self._path: Final = run_dir / "health-checks.json"
        self._lock: Final = run_dir / "health-checks.lock"
        self._descriptor: int | None = None
        self._read_at = 0
        self._failing = False

    def claim(self) -> bool:
        """Whether this process is the one that asks. Where no lock can be had at all, each asks for itself."""
        if self._descriptor is not None:
            return True
        try:
            self._lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            self._failed(error)
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Lets another process ask."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def write(self, verdicts: Mapping[TargetKey, tuple[bool, str]]) -> None:
        """Writes them so that a reader never sees half of them."""
        scratch = self._path.with_suffix(".tmp")
        try:
            with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(orjson.dumps([[*key, *verdict] for key, verdict in verdicts.items()]))
            os.replace(scratch, self._path)
        except OSError as error:
            self._failed(error)
        else:
            self._failing = False

    def read(self) -> Verdicts | None:
        """What was written since the last time; None when nothing was, or what is there is not ours or too old."""
        try:
            stat = self._path.stat()
            if stat.st_mtime_ns == self._read_at or time.time() - stat.st_mtime > TRUSTED_SECONDS:
                return None
            found = load_verdicts(self._path.read_bytes())
        except (OSError, ValueError):
            return None
        self._read_at = stat.st_mtime_ns
        return found

    def _failed(self, error: OSError) -> None:
        if not self._failing:
            log.warning("health checks cannot be shared between workers", error=repr(error))
        self._failing = True


def load_verdicts(data: bytes) -> Verdicts:
    """The verdicts that were written; ValueError for anything else."""
    try:
        return {
            TargetKey(TenantId(str(owner)), str(service), str(host), int(port), bool(tls)): (bool(healthy), str(reason))
            for owner, service, host, port, tls, healthy, reason in orjson.loads(data)
        }
    except TypeError as error:
        raise ValueError("not verdicts") from error
