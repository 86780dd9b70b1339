"""Where log lines go: written by a thread of their own, so that whoever logs never waits for whoever reads.

A terminal that is paused, a full pipe or a slow disk would otherwise stop the event loop and with it every request.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

LIMIT_BYTES: Final = 4 * 1024 * 1024
"""Of lines that are not written yet; what comes beyond is dropped and counted."""
_WRITE_BYTES: Final = 64 * 1024
_LAST_WORDS_SECONDS: Final = 2.0


@contextmanager
def standard_output(notice: Callable[[int], str]) -> Iterator["LogOutput"]:
    """Standard output for the lines of a process; what is not written at its end has 2 s."""
    output = LogOutput(sys.stdout.fileno(), notice)
    try:
        yield output
    finally:
        output.close(_LAST_WORDS_SECONDS)


class LogOutput:
    """A file for log lines on an open descriptor. Give it whole lines: where the output is full, it leaves out writes.

    `notice` puts into a line how many writes were dropped, once there is room again. When the reader has gone
    (`… | head`), what is written goes nowhere.
    """

    def __init__(self, descriptor: int, notice: Callable[[int], str], limit_bytes: int = LIMIT_BYTES) -> None:
        self._descriptor = descriptor
        self._notice = notice
        self._limit = limit_bytes
        self._changed = threading.Condition()
        self._waiting: list[bytes] = []
        self._unwritten = 0
        self._dropped = 0
        self._closing = False
        self._gone = False
        self._thread = threading.Thread(target=self._run, name="log-output", daemon=True)
        self._thread.start()

    def write(self, text: str) -> int:
        """Takes text, as a text file does; never waits for the reader."""
        self.write_octets(text.encode(errors="backslashreplace"))
        return len(text)

    def write_octets(self, octets: bytes) -> None:
        """Takes octets of text."""
        with self._changed:
            if self._gone:
                return
            if self._unwritten + len(octets) > self._limit:
                self._dropped += 1
                return
            if self._dropped:
                octets = self._notice(self._dropped).encode() + octets
                self._dropped = 0
            self._waiting.append(octets)
            self._unwritten += len(octets)
            self._changed.notify()

    def flush(self) -> None:
        """Does nothing: all is on its way."""

    def close(self, seconds: float) -> bool:
        """Waits until all is written, so long at most; tells whether it is. The descriptor stays open."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (octets := self._next()) is not None:
            for start in range(0, len(octets), _WRITE_BYTES):
                if not self._write(octets[start : start + _WRITE_BYTES]):
                    return

    def _next(self) -> bytes | None:
        """All that waits, as soon as there is something; None at the end."""
        with self._changed:
            while not self._waiting and not self._closing:
                self._changed.wait()
            waiting, self._waiting = self._waiting, []
        return b"".join(waiting) if waiting else None

    def _write(self, octets: bytes) -> bool:
        unwritten = memoryview(octets)
        try:
            while unwritten:
                unwritten = unwritten[os.write(self._descriptor, unwritten) :]
        except OSError:
            with self._changed:
                self._gone = True
                self._waiting.clear()
            return False
        with self._changed:
            self._unwritten -= len(octets)
        return True
