"""How one value of a document is written by people and kept in a message: a pair of functions per kind. Pure.

`read` takes plain data and puts it into a field of a message, or notes what is wrong; `write` gives the plain data
of a field, None for what need not be written.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.duration_pb2 import Duration

from configsvc.document import units
from configsvc.validate.findings import Findings

# Stands in place of a rate.
_UNLIMITED: Final = "unlimited"


class Codec(Protocol):
    """One kind of value. `field` is the name of the message's field."""

    def read(self, data: Any, message: Any, field: str, findings: Findings) -> None: ...

    def write(self, message: Any, field: str) -> Any: ...


@dataclass(frozen=True, slots=True)
class Text:
    """A text."""

    def read(self, data: Any, message: Any, field: str, findings: Findings) -> None:
        if (text := text_of(data, findings)) is not None:
            setattr(message, field, text)

    def write(self, message: Any, field: str) -> Any:
        return getattr(message, field) or None


@dataclass(frozen=True, slots=True)
class Texts:
    """A list of texts."""

    def read(self, data: Any, message: Any, field: str, findings: Findings) -> None:
        if not isinstance(data, list):
            findings.fault("must be a list")
            return
        # What is no text keeps its place: later faults count from it.
        texts = (text_of(each, findings.at(index)) or "" for index, each in enumerate(data))
        getattr(message, field).extend(texts)

    def write(self, message: Any, field: str) -> Any:
        return list(getattr(message, field)) or None


@dataclass(frozen=True, slots=True)
class TextMap:
    """Texts by name."""

    def read(self, data: Any, message: Any, field: str, findings: Findings) -> None:
        if not isinstance(data, dict):
            findings.fault("must map names to texts")
            return
        for name, each in data.items():
            here = findings.at(name)
            text, key = text_of(each, here), text_of(name, here)
            if text is not None and key is not None:
                getattr(message, field)[key] = text

    def write(self, message: Any, field: str) -> Any:
        return dict(sorted(getattr(message, field).items())) or None


@dataclass(frozen=True, slots=True)
class EntryTexts:
    """A list of `key=value`, or `key` for any value. What follows the first `=` is the value."""

    def read(self, data: Any, message: Any, field: str, findings: Findings) -> None:
        if not isinstance(data, list):
            findings.fault("must be a list of key=value, or key for any value")
            return
        for index, each in enumerate(data):
            # What is no text keeps its place: later faults count from it.
            entry = getattr(message, field).add()
            if (text := text_of(each, findings.at(index))) is not None:
                entry.key, given, value = text.partition("=")
                if given:
                    entry.value = value

    def write(self, message: Any, field: str) -> Any:
        entries = getattr(message, field)
        return [f"{each.key}={each.value}" if each.HasField("value") else each.key for each in entries] or None


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false; false is not written."""

    def read(self, data: Any, message: Any, field: str, findings: Findings) -> None:
        if not isinstance(data, bool):
            findings.fault("must be true or false")
            return
        setattr(message, field, data)

    def write(self, message: Any, field: str) -> Any:
        return getattr(message, field) or None


@dataclass(frozen=True, slots=True)
class Count:
    """A whole number from 1: the message has 0 for "not set"."""

    def read(self, data: Any, message: Any, field: str, findings: Findings) -> None:
        if isinstance(data, bool) or not isinstance(data, int) or not 1 <= data < 2**32:
            findings.fault("must be a whole number, at least 1")
            return
        setattr(message, field, data)

    def write(self, message: Any, field: str) -> Any:
        return getattr(message, field) or None


@dataclass(frozen=True, slots=True)
class Percent:
    """A share such as `20%`. From 1 % where the message has 0 for "not set"; from 0 % where its field knows whether it
    was set."""

    least: int = 1

    def read(self, data: Any, message: Any, field: str, findings: Findings) -> None:
        percent = _parsed(data, units.parse_percent, findings)
        if percent is not None:
            findings.expect(self.least <= percent <= 100, f"must be {self.least}%–100%")
            setattr(message, field, percent)

    def write(self, message: Any, field: str) -> Any:
        percent = getattr(message, field)
        return f"{percent}%" if percent or (not self.least and message.HasField(field)) else None


@dataclass(frozen=True, slots=True)
class Size:
    """A number of bytes such as `10MiB`; a plain number means bytes. Its field knows whether it was set."""

    def read(self, data: Any, message: Any, field: str, findings: Findings) -> None:
        plain = isinstance(data, int) and not isinstance(data, bool) and data >= 0
        size = data if plain else _parsed(data, units.parse_size, findings)
        if size is not None and size < 2**53:
            setattr(message, field, size)
        elif size is not None:
            findings.fault("is too large")

    def write(self, message: Any, field: str) -> Any:
        return units.format_size(getattr(message, field)) if message.HasField(field) else None


@dataclass(frozen=True, slots=True)
class Time:
    """A duration such as `10s`."""

    def read(self, data: Any, message: Any, field: str, findings: Findings) -> None:
        millis = _parsed(data, units.parse_duration, findings)
        if millis is not None and (span := _duration(millis, findings)) is not None:
            getattr(message, field).CopyFrom(span)

    def write(self, message: Any, field: str) -> Any:
        return units.format_duration(millis_of(getattr(message, field))) if message.HasField(field) else None


@dataclass(frozen=True, slots=True)
class RateText:
    """A rate such as `500/min`, or `unlimited`."""

    def read(self, data: Any, message: Any, field: str, findings: Findings) -> None:
        read_rate(data, getattr(message, field), findings)

    def write(self, message: Any, field: str) -> Any:
        return write_rate(getattr(message, field)) if message.HasField(field) else None


@dataclass(frozen=True, slots=True)
class RateMap:
    """Rates by name."""

    def read(self, data: Any, message: Any, field: str, findings: Findings) -> None:
        if not isinstance(data, dict):
            findings.fault("must map names to rates")
            return
        for name, each in data.items():
            here = findings.at(name)
            if (key := text_of(name, here)) is not None:
                read_rate(each, getattr(message, field)[key], here)

    def write(self, message: Any, field: str) -> Any:
        return {name: write_rate(rate) for name, rate in sorted(getattr(message, field).items())} or None


@dataclass(frozen=True, slots=True)
class Choice:
    """A short lower-case name of an enum's value; the unspecified one is not written."""

    enum: EnumDescriptor
    prefix: str

    def names(self) -> Mapping[str, int]:
        """The names that people write, with their numbers."""
        return {
            value.name.removeprefix(self.prefix).lower(): value.number for value in self.enum.values if value.number
        }

    def read(self, data: Any, message: Any, field: str, findings: Findings) -> None:
        names = self.names()
        if not isinstance(data, str) or data not in names:
            findings.fault(f"must be one of {', '.join(names)}")
            return
        setattr(message, field, names[data])

    def write(self, message: Any, field: str) -> Any:
        number = getattr(message, field)
        return next((name for name, value in self.names().items() if value == number), None)


def text_of(data: Any, findings: Findings) -> str | None:
    """The text, or None with a fault: numbers and the like must be quoted, since their spelling would be lost."""
    if not isinstance(data, str):
        findings.fault("must be a text (quote it)")
        return None
    try:
        data.encode()
    except UnicodeEncodeError:
        findings.fault("must not have half of a surrogate pair")
        return None
    return data


def millis_of(span: Duration) -> int:
    """A duration in whole milliseconds."""
    return span.seconds * 1000 + span.nanos // 1_000_000


def read_rate(data: Any, rate: Any, findings: Findings) -> None:
    """Reads into a message penstock.config.v1.Rate."""
    if data == _UNLIMITED:
        rate.unlimited = True
        return
    parsed = _parsed(data, units.parse_rate, findings)
    if parsed is None:
        return
    requests, millis = parsed
    findings.expect(1 <= requests <= 1_000_000, "must allow 1–1,000,000 requests")
    rate.requests = min(requests, 2**32 - 1)
    if (window := _duration(millis, findings)) is not None:
        rate.window.CopyFrom(window)


def write_rate(rate: Any) -> str:
    """The rate as people write it."""
    return _UNLIMITED if rate.unlimited else units.format_rate(rate.requests, millis_of(rate.window))


def _duration(millis: int, findings: Findings) -> Duration | None:
    # A hundred years: within every bound of validation there is a smaller one.
    if millis > 36_525 * 86_400_000:
        findings.fault("is too long")
        return None
    return Duration(seconds=millis // 1000, nanos=millis % 1000 * 1_000_000)


def _parsed(data: Any, parse: Any, findings: Findings) -> Any:
    try:
        return parse(data if isinstance(data, str) else "")
    except ValueError as error:
        findings.fault(str(error))
        return None
