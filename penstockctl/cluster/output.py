"""One log for all processes: every line under the name of the process that wrote it."""

import asyncio
from collections.abc import Iterable
from typing import Protocol

_RESET = "\x1b[0m"
_DIM = "\x1b[2m"
_COLOURS = ("\x1b[36m", "\x1b[33m", "\x1b[32m", "\x1b[35m", "\x1b[34m", "\x1b[96m", "\x1b[93m", "\x1b[92m")
_CHUNK_BYTES = 64 * 1024
# A line without end would fill the memory; what is longer is shown in pieces.
_MAX_LINE_BYTES = 1024 * 1024
SUPERVISOR = "penstock"


class Sink(Protocol):
    """Where text goes, at once: what a process writes must always be read, else it stands still."""

    def write(self, text: str, /) -> object: ...


def missing_lines(number: int) -> str:
    """What stands in the log for lines that nobody read in time."""
    return f"({number} lines are missing: nobody read them)\n"


class ClusterLog:
    """Writes `name | line`, names aligned, coloured when `colour`."""

    def __init__(self, names: Iterable[str], stream: Sink, *, colour: bool = False) -> None:
        self._stream = stream
        ordered = [SUPERVISOR, *names]
        self._width = max(map(len, ordered))
        self._colours = {name: _COLOURS[at % len(_COLOURS)] for at, name in enumerate(ordered)} if colour else {}

    def say(self, text: str) -> None:
        """A line of the supervisor's own."""
        self.line(SUPERVISOR, text)

    def line(self, name: str, text: str) -> None:
        """One line of the process `name`."""
        start, end = (self._colours.get(name, _DIM), _RESET) if self._colours else ("", "")
        self.write(f"{start}{name:<{self._width}} |{end} {text}\n")

    def write(self, text: str) -> None:
        """`text` as it is."""
        self._stream.write(text)

    async def relay(self, name: str, source: asyncio.StreamReader) -> None:
        """Show what a process writes until it writes no more."""
        rest = b""
        while chunk := await source.read(_CHUNK_BYTES):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self.line(name, line.decode(errors="replace"))
            if len(rest) > _MAX_LINE_BYTES:
                self.line(name, rest.decode(errors="replace"))
                rest = b""
        if rest:
            self.line(name, rest.decode(errors="replace"))
