"""Durations, sizes, rates and shares as people write them: `10s`, `10MiB`, `500/min`, `20%`. Pure.

Each has one canonical spelling, the largest unit that divides it; `parse` takes every spelling. ValueError says
what is expected.
"""

import re
from typing import Final

_MILLIS: Final = {"d": 86_400_000, "h": 3_600_000, "min": 60_000, "s": 1_000, "ms": 1}
_BYTES: Final = {"GiB": 1 << 30, "MiB": 1 << 20, "KiB": 1 << 10, "B": 1}
_DURATION: Final = re.compile(r"([0-9]{1,15})(ms|s|min|m|h|d)")
_SIZE: Final = re.compile(r"([0-9]{1,16})(B|KiB|MiB|GiB)")
_RATE: Final = re.compile(r"([0-9]{1,10})/(?:([0-9]{1,15})?)(ms|s|min|m|h|d)")
_PERCENT: Final = re.compile(r"([0-9]{1,3})%")


def parse_duration(text: str) -> int:
    """Milliseconds of `10s`, `5min` (also `5m`), `1h`, `7d`, `250ms`."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError("must be a duration such as 10s, 250ms, 5min, 1h or 7d")
    return int(match[1]) * _millis(match[2])


def format_duration(millis: int) -> str:
    """The canonical spelling of a number of milliseconds."""
    return _in_largest(millis, _MILLIS, "s")


def parse_size(text: str) -> int:
    """Bytes of `10MiB`, `64KiB`, `1GiB`, `512B`."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError("must be a size such as 10MiB, 64KiB, 1GiB or 512B")
    return int(match[1]) * _BYTES[match[2]]


def format_size(size: int) -> str:
    """The canonical spelling of a number of bytes."""
    return _in_largest(size, _BYTES, "B")


def parse_rate(text: str) -> tuple[int, int]:
    """Requests and window in milliseconds of `500/min`, `5/s`, `100/10s`."""
    match = _RATE.fullmatch(text)
    if match is None:
        raise ValueError("must be a rate such as 500/min, 5/s or 100/10s, or unlimited")
    return int(match[1]), int(match[2] or 1) * _millis(match[3])


def format_rate(requests: int, window_millis: int) -> str:
    """The canonical spelling of a rate."""
    window = format_duration(window_millis)
    unit = window.removeprefix("1")
    return f"{requests}/{unit if unit in _MILLIS else window}"


def parse_percent(text: str) -> int:
    """The whole number of `20%`."""
    match = _PERCENT.fullmatch(text)
    if match is None:
        raise ValueError("must be a share such as 20%")
    return int(match[1])


def _millis(unit: str) -> int:
    return _MILLIS["min" if unit == "m" else unit]


def _in_largest(amount: int, units: dict[str, int], zero_unit: str) -> str:
    if amount == 0:
        return f"0{zero_unit}"
    name, size = next((name, size) for name, size in units.items() if amount % size == 0)
    return f"{amount // size}{name}"
