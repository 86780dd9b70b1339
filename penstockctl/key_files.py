"""Reads files of keys to import: one JSON object a line, with the members of the management API. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import orjson

from penstockctl.faults import OperatorError

BATCH: Final = 100
"""What the management API takes at a time."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Keys that are imported together, from the lines `first` to `last`."""

    first: int
    last: int
    keys: list[dict[str, Any]]


def batches(lines: Iterable[str]) -> Iterator[Batch]:
    """The keys of a file in its order; empty lines are passed over. OperatorError names the line that is none."""
    keys = ((number, _key(number, line)) for number, line in enumerate(lines, 1) if line.strip())
    while batch := list(islice(keys, BATCH)):
        yield Batch(batch[0][0], batch[-1][0], [key for _, key in batch])


def _key(number: int, line: str) -> dict[str, Any]:
    try:
        key = orjson.loads(line)
    except orjson.JSONDecodeError:
        key = None
    if not isinstance(key, dict):
        # The line itself is not shown: whoever confuses files may have put a secret there.
        raise OperatorError(f"Line {number} is not a JSON object.")
    return key
