"""The months of a tenant's `requests`: made when the first row of one comes, while it is near enough to now."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from svckit.migrations import quoted_schema

MICROS: Final = 1_000_000
# Edges may ship from a spool that is weeks old; a row further off comes from a clock that is wrong.
_BACK: Final = timedelta(days=62)
_AHEAD: Final = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Month:
    """`start` is its first moment, in UTC."""

    start: datetime

    @property
    def end(self) -> datetime:
        return (self.start + timedelta(days=32)).replace(day=1)

    @property
    def suffix(self) -> str:
        return f"{self.start:%Y%m}"


def months_between(first_micros: int, last_micros: int, now: datetime) -> Iterator[Month]:
    """The months that rows of that span need a partition for; times are microseconds since 1970."""
    span = datetime.fromtimestamp(first_micros / MICROS, UTC), datetime.fromtimestamp(last_micros / MICROS, UTC)
    first, last = max(span[0], now - _BACK), min(span[1], now + _AHEAD)
    month = Month(first.replace(day=1, hour=0, minute=0, second=0, microsecond=0))
    while month.start <= last:
        yield month
        month = Month(month.end)


class Partitions:
    """Remembers which months are there, so that a commit asks PostgreSQL once a month."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now: Final = now
        self._known: set[tuple[str, Month]] = set()

    async def ensure(self, connection: Any, schema: str, first_micros: int, last_micros: int) -> None:
        """Makes the partitions for rows of that span."""
        for month in months_between(first_micros, last_micros, self._now()):
            if (schema, month) not in self._known:
                await _make(connection, schema, month)
                self._known.add((schema, month))

    def forget(self, schema: str) -> None:
        """The schema is gone."""
        self._known = {known for known in self._known if known[0] != schema}


async def _make(connection: Any, schema: str, month: Month) -> None:
    """Rows of the month that went to the default partition (it was far off then) move along."""
    parent = f"{quoted_schema(schema)}.requests"
    partition, default = f"{parent}_{month.suffix}", f"{parent}_default"
    bounds = f"'{month.start.isoformat()}'", f"'{month.end.isoformat()}'"
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"partitions:{schema}")
        if await connection.fetchval("SELECT to_regclass($1)", partition) is not None:
            return
        await connection.execute(
            f"CREATE TABLE {partition} (LIKE {parent} INCLUDING ALL);"  # noqa: S608 (validated names)
            f"WITH moved AS (DELETE FROM {default}"
            f" WHERE start_time >= {bounds[0]} AND start_time < {bounds[1]} RETURNING *)"
            f" INSERT INTO {partition} SELECT * FROM moved;"
            f"ALTER TABLE {parent} ATTACH PARTITION {partition} FOR VALUES FROM ({bounds[0]}) TO ({bounds[1]})"
        )
