"""Reads answers strictly, as a client that asked with these methods would."""

import re
from dataclasses import dataclass

LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) [\t\x20-\x7e]*")
FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ([\t\x20-\x7e\x80-\xff]*)")


@dataclass(frozen=True, slots=True)
class Answer:
    """One final answer; `interim` counts those that came before it."""

    status: int
    fields: dict[bytes, bytes]
    body: bytes
    interim: int


class Unreadable(Exception):
    """The octets are no sequence of whole answers."""


def read_answers(data: bytes, to_head: list[bool]) -> list[Answer]:
    """All answers. `to_head` tells for each whether it answers a HEAD, so that no body follows; raises Unreadable."""
    answers: list[Answer] = []
    interim = 0
    while data:
        head, end, data = data.partition(b"\r\n\r\n")
        if not end:
            raise Unreadable("a head has no end")
        first, *lines = head.split(b"\r\n")
        line, fields = LINE.fullmatch(first), [FIELD.fullmatch(line) for line in lines]
        if line is None:
            raise Unreadable(f"status line {first!r}")
        named = {field[1].lower(): field[2] for field in fields if field is not None}
        if len(named) != len(lines):
            raise Unreadable("field lines")
        status = int(line[1])
        if status < 200:
            interim += 1
            continue
        if len(answers) == len(to_head):
            raise Unreadable("more answers than requests")
        length = 0 if to_head[len(answers)] or status in (204, 304) else int(named[b"content-length"])
        if len(data) < length:
            raise Unreadable("a body is not whole")
        answers.append(Answer(status, named, data[:length], interim))
        data, interim = data[length:], 0
    if interim:
        raise Unreadable("an interim answer without a final one")
    return answers
