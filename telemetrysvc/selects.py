"""The statements of QueryService. Pure: text and arguments; every value is an argument, names are our own.

Lists are newest first and go on by key (`time`, `id`), so that a page costs the same wherever it begins.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from svckit.migrations import quoted_schema
from telemetrysvc.batches import ERROR_COLUMNS, HEALTH_COLUMNS, REQUEST_COLUMNS
from telemetrysvc.pages import Place


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with `$1`, `$2` … and the values for them."""

    sql: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """From `since` (included) until `until` (excluded); None leaves it open."""

    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """Filters of the list of requests; an empty text filters nothing."""

    span: Span = Span()
    path: str = ""
    status: str = ""
    consumer: str = ""
    request_id: str = ""


@dataclass(slots=True)
class _Where:
    conditions: list[str] = field(default_factory=list)
    arguments: list[Any] = field(default_factory=list)

    def add(self, condition: str, *values: Any) -> None:
        """`{}` in the condition stand for the values."""
        first = len(self.arguments) + 1
        self.arguments += values
        self.conditions.append(condition.format(*(f"${first + index}" for index in range(len(values)))))


def select_requests(schema: str, wanted: RequestFilter, after: Place | None, count: int) -> Statement:
    """The newest `count` requests after the place."""
    where = _Where()
    if wanted.path:
        path = wanted.path.rstrip("/")
        where.add("(path = {} OR starts_with(path, {}))", path or "/", f"{path}/")
    if wanted.status.endswith("xx"):
        group = int(wanted.status[0]) * 100
        where.add("status >= {} AND status < {}", group, group + 100)
    elif wanted.status:
        where.add("status = {}", int(wanted.status))
    if wanted.consumer:
        where.add("(consumer = {} OR principal_id = {})", wanted.consumer, wanted.consumer)
    if wanted.request_id:
        where.add("request_id = {}", wanted.request_id)
    return _select(schema, "requests", REQUEST_COLUMNS, "start_time", where, wanted.span, after, count)


def select_errors(schema: str, span: Span, after: Place | None, count: int) -> Statement:
    """The newest `count` error events after the place."""
    return _select(schema, "error_events", ERROR_COLUMNS, "time", _Where(), span, after, count)


def select_health(schema: str, service: str, span: Span, after: Place | None, count: int) -> Statement:
    """The newest `count` health snapshots after the place; an empty service means all."""
    where = _Where()
    if service:
        where.add("service = {}", service)
    return _select(schema, "health_snapshots", HEALTH_COLUMNS, "time", where, span, after, count)


def _select(
    schema: str,
    table: str,
    columns: Sequence[str],
    time: str,
    where: _Where,
    span: Span,
    after: Place | None,
    count: int,
) -> Statement:
    if span.since is not None:
        where.add(f"{time} >= {{}}", span.since)
    if span.until is not None:
        where.add(f"{time} < {{}}", span.until)
    if after is not None:
        where.add(f"({time}, id) < ({{}}, {{}})", after.time, after.id)
    conditions = " AND ".join(where.conditions) or "true"
    sql = (
        f"SELECT {', '.join(columns)} FROM {quoted_schema(schema)}.{table}"  # noqa: S608 (names are our own)
        f" WHERE {conditions} ORDER BY {time} DESC, id DESC LIMIT ${len(where.arguments) + 1}"
    )
    return Statement(sql, (*where.arguments, count))
