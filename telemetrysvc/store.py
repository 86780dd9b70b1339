"""Puts rows into tenants' tables: each row once, all of a call in one transaction, a bad row alone refused.

Rows are copied straight in, which is the fast way and works for all that come for the first time. Rows that an
edge sends again collide with themselves; only then they take the way through a temporary table.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import structlog

from svckit.migrations import quoted_schema
from telemetrysvc.batches import ERROR_COLUMNS, HEALTH_COLUMNS, REQUEST_COLUMNS, Row, TenantRows
from telemetrysvc.partitions import Partitions

# PostgreSQL counts timestamps from 2000, records from 1970.
_EPOCH_MICROS: Final = 946_684_800_000_000
_pack_micros = struct.Struct(">q").pack
# The row itself is at fault, whoever tries to store it.
_POISON: Final = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    ValueError,
    TypeError,
    OverflowError,
    struct.error,
)
_GONE: Final = (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError)
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Stored:
    """`refused`: ids of the rows that can never be stored. `gone`: schemas that are no more, their rows refused."""

    refused: frozenset[bytes] = frozenset()
    gone: frozenset[str] = frozenset()


async def install_codecs(connection: Any) -> None:
    """Lets ids pass as their 16 octets and times as microseconds since 1970: half the cost of UUID and datetime."""
    for name, encode in (("uuid", bytes), ("timestamptz", _encode_micros)):
        await connection.set_type_codec(name, schema="pg_catalog", encoder=encode, decoder=bytes, format="binary")


def _encode_micros(micros: int) -> bytes:
    return _pack_micros(micros - _EPOCH_MICROS)


class Store:
    """Writes on a connection that has the codecs."""

    def __init__(self) -> None:
        self._partitions: Final = Partitions()

    async def store(self, connection: Any, rows: Mapping[str, TenantRows]) -> Stored:
        """Stores rows by schema; committed when it returns. Raises what means that PostgreSQL is away."""
        try:
            for schema, of_tenant in rows.items():
                await self._ensure_partitions(connection, schema, of_tenant.requests)
            await self._insert(connection, rows)
        except (*_POISON, *_GONE) as error:
            return await self._apart(connection, rows, error)
        return Stored()

    async def _ensure_partitions(self, connection: Any, schema: str, requests: Sequence[Row]) -> None:
        if requests:
            times = [row[1] for row in requests]
            await self._partitions.ensure(connection, schema, min(times), max(times))

    async def _insert(self, connection: Any, rows: Mapping[str, TenantRows]) -> None:
        try:
            async with connection.transaction():
                for schema, of_tenant in rows.items():
                    await _copy(connection, schema, of_tenant)
        except asyncpg.UniqueViolationError:
            async with connection.transaction():
                for schema, of_tenant in rows.items():
                    await _merge(connection, schema, of_tenant)

    async def _apart(self, connection: Any, rows: Mapping[str, TenantRows], error: Exception) -> Stored:
        """Halves what cannot be stored as a whole until the row at fault stands alone."""
        if len(rows) > 1:
            parts = [{schema: of_tenant} for schema, of_tenant in rows.items()]
        else:
            ((schema, of_tenant),) = rows.items()
            if isinstance(error, _GONE):
                self._partitions.forget(schema)
                return Stored(of_tenant.ids(), frozenset({schema}))
            if len(of_tenant) == 1:
                log.warning("a record cannot be stored", schema=schema, error=type(error).__name__)
                return Stored(of_tenant.ids())
            parts = [{schema: half} for half in halves(of_tenant)]
        stored = [await self.store(connection, part) for part in parts]
        return Stored(
            frozenset().union(*(part.refused for part in stored)), frozenset().union(*(part.gone for part in stored))
        )


def halves(rows: TenantRows) -> tuple[TenantRows, TenantRows]:
    """Two parts with all rows between them, none empty; error events stay with their requests."""
    middle = len(rows) // 2
    count = min(middle, len(rows.requests))
    first = TenantRows(requests=rows.requests[:count], health=rows.health[: middle - count])
    second = TenantRows(requests=rows.requests[count:], health=rows.health[middle - count :])
    ids = {row[0] for row in first.requests}
    for row in rows.errors:
        (first if row[0] in ids else second).errors.append(row)
    return first, second


def _tables(rows: TenantRows) -> tuple[tuple[str, tuple[str, ...], list[Row]], ...]:
    return (
        ("requests", REQUEST_COLUMNS, rows.requests),
        ("error_events", ERROR_COLUMNS, rows.errors),
        ("health_snapshots", HEALTH_COLUMNS, rows.health),
    )


async def _copy(connection: Any, schema: str, rows: TenantRows) -> None:
    for table, columns, records in _tables(rows):
        if records:
            await connection.copy_records_to_table(table, schema_name=schema, columns=columns, records=records)


async def _merge(connection: Any, schema: str, rows: TenantRows) -> None:
    """By way of a temporary table; rows that are there already stay as they are."""
    for table, columns, records in _tables(rows):
        if not records:
            continue
        target = f"{quoted_schema(schema)}.{table}"
        await connection.execute(f"CREATE TEMPORARY TABLE staged (LIKE {target})")
        await connection.copy_records_to_table("staged", schema_name="pg_temp", columns=columns, records=records)
        await connection.execute(
            f"INSERT INTO {target} SELECT * FROM pg_temp.staged ON CONFLICT DO NOTHING;"  # noqa: S608 (own names)
            "DROP TABLE pg_temp.staged"
        )
