"""One case: octets that a client sends, and what must come of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from tests.edge.wire.oracle import Outcome, theirs


@dataclass(frozen=True, slots=True)
class Passed:
    """A request that an upstream must see: method and target, the body, fields that it must carry."""

    line: str
    body: bytes = b""
    carries: tuple[bytes, ...] = ()


Expected: TypeAlias = Passed | int
"""A request that goes on, or the status with which it is refused."""


@dataclass(frozen=True, slots=True)
class Case:
    """The octets of one connection, and what must come of its requests in their order."""

    name: str
    octets: bytes
    expected: tuple[Expected, ...]


def passes(name: str, octets: bytes, *lines: str | Expected) -> Case:
    """A case whose requests go on as these lines say, with no body where nothing else is said."""
    return Case(name, octets, tuple(Passed(line) if isinstance(line, str) else line for line in lines))


def refused(name: str, octets: bytes, status: int = 400) -> Case:
    """A case whose first request is refused, after which nothing is heard."""
    return Case(name, octets, (status,))


def head(line: str, *lines: bytes) -> bytes:
    """The octets of a head with a Host."""
    return b"\r\n".join((line.encode("latin-1") + b" HTTP/1.1", b"Host: a", *lines, b"", b""))


def get(*lines: bytes) -> bytes:
    """The octets of a GET for /x with these field lines."""
    return head("GET /x", *lines)


def post(*lines: bytes, body: bytes = b"") -> bytes:
    """The octets of a POST to /x with these field lines, followed by these octets."""
    return head("POST /x", *lines) + body


def chunked(octets: bytes, *lines: bytes) -> bytes:
    """The octets of a POST to /x whose body is said to be chunked, followed by these octets."""
    return post(b"Transfer-Encoding: chunked", *lines, body=octets)


NEXT = head("GET /next")
"""A request that must never be seen when the one before it is refused."""


def departures(case: Case, found: Iterable[Outcome]) -> list[str]:
    """How the outcomes differ from what the case expects, in sentences."""
    came = list(found)
    if len(came) != len(case.expected):
        return [f"{len(case.expected)} requests were expected, {len(came)} were answered: {came}"]
    return [sentence for want, got in zip(case.expected, came, strict=True) for sentence in _departure(want, got)]


def _departure(want: Expected, got: Outcome) -> Iterator[str]:
    if isinstance(want, int):
        if got.status != want:
            yield f"{want} was expected, {got.status} was answered"
        if got.passed is not None:
            yield f"a refusal was expected, {got.passed} was passed on"
        return
    if got.passed is None or got.status != 200:
        yield f"{want} was expected, {got} came"
        return
    line = b"%b %b" % (got.passed.method, got.passed.target)
    if (line.decode("latin-1"), got.passed.body) != (want.line, want.body):
        yield f"{want} was expected, {got.passed} was passed on"
    lines = [b"%b: %b" % field for field in (*theirs(got.passed), (b"Host", got.passed.values(b"host")[0]))]
    for line in want.carries:
        if line not in lines:
            yield f"{line!r} was expected among {lines}"
