"""Log lines reach the reader in order; a reader that stands still or goes away stops nobody."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fcntl import F_GETPIPE_SZ, fcntl

import pytest

from svckit.log_output import LogOutput

SECONDS = 10.0


@dataclass
class Pipe:
    reading: int
    writing: int

    def read(self, octets: int) -> bytes:
        """So many octets, or what is there at the end of the pipe."""
        data = b""
        while len(data) < octets and (more := os.read(self.reading, octets - len(data))):
            data += more
        return data


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe(*os.pipe())
    yield made
    for descriptor in (made.reading, made.writing):
        try:
            os.close(descriptor)
        except OSError:
            continue  # the test closed it


def notice(dropped: int) -> str:
    return f"{dropped} dropped\n"


def test_lines_are_written_whole_and_in_order(pipe: Pipe) -> None:
    output = LogOutput(pipe.writing, notice)
    for number in range(1000):
        output.write(f"line {number}\n")
    assert output.close(SECONDS)
    os.close(pipe.writing)
    assert pipe.read(1_000_000).decode() == "".join(f"line {number}\n" for number in range(1000))


def test_a_reader_that_stands_still_holds_nobody_up_and_is_told_what_it_missed(pipe: Pipe) -> None:
    full = os.write(pipe.writing, bytes(fcntl(pipe.writing, F_GETPIPE_SZ)))
    output = LogOutput(pipe.writing, notice, limit_bytes=1_000_000)
    line = "x" * 999 + "\n"
    for _ in range(3000):
        output.write(line)
    pipe.read(full)
    taken = pipe.read(1_000_000).decode()
    output.write("after\n")
    assert taken == line * 1000
    dropped = 2000
    assert pipe.read(len(notice(dropped)) + 6).decode() == f"{notice(dropped)}after\n"
    assert output.close(SECONDS)


def test_what_cannot_be_written_at_the_end_is_left(pipe: Pipe) -> None:
    output = LogOutput(pipe.writing, notice)
    output.write("x" * 1_000_000)
    assert not output.close(0.01)
    assert len(pipe.read(1_000_000)) == 1_000_000
    assert output.close(SECONDS)


def test_a_reader_that_went_away_stops_nobody(pipe: Pipe) -> None:
    output = LogOutput(pipe.writing, notice)
    os.close(pipe.reading)
    for _ in range(100):
        output.write("into the void\n")
    assert output.close(SECONDS)
    output.write("after the end\n")


def test_what_is_no_text_is_still_a_line(pipe: Pipe) -> None:
    output = LogOutput(pipe.writing, notice)
    assert output.write("\udcff\n") == 2
    output.flush()
    assert pipe.read(7) == b"\\udcff\n"
    assert output.close(SECONDS)
