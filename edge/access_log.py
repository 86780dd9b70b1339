"""Log lines of requests, gathered and written many at a time.

structlog costs 6 µs a line and a write of its own; a request must not pay that. The line has the same members in
the same form (svckit/logs.py), and a line of a crash is at most one tick behind.
"""

import time
from collections.abc import Callable

import orjson

from svckit.logs import origin, pretty_line

FLUSH_BYTES = 64 * 1024


class AccessLog:
    """Gathers lines and hands them to `write` as octets. `pretty`: for people instead of JSON."""

    def __init__(
        self, process: str, write: Callable[[bytes], object], *, pretty: bool = False, environment: str = ""
    ) -> None:
        self._origin = origin(process, environment)
        self._write = write
        self._form = _pretty if pretty else _json
        self._lines: list[bytes] = []
        self._size = 0
        self._second = -1
        self._clock = ""

    def line(self, moment: float, members: dict[str, object], level: str = "info") -> None:
        """Adds a line of this moment, in seconds since 1970."""
        second = int(moment)
        if second != self._second:
            self._second, self._clock = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        members["level"] = level
        members["timestamp"] = f"{self._clock}.{int((moment - second) * 1e6):06d}Z"
        members.update(self._origin)
        octets = self._form(members)
        self._lines.append(octets)
        self._size += len(octets)
        if self._size >= FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Writes what has been gathered."""
        if self._lines:
            lines, self._lines, self._size = self._lines, [], 0
            self._write(b"".join(lines))


def _json(members: dict[str, object]) -> bytes:
    # a copy of its real size: keeping orjson's own over-allocated result costs three times as much
    return orjson.dumps(members) + b"\n"


def _pretty(members: dict[str, object]) -> bytes:
    shown = {name: value for name, value in members.items() if value != ""}
    return pretty_line(shown).encode(errors="backslashreplace")
