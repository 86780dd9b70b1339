"""What happens to rows, as an event: a trigger of the test's own tells of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

_TRIGGER = """
CREATE OR REPLACE FUNCTION config.tell() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_notify('test_rows', ''); RETURN NULL; END $$;
CREATE OR REPLACE TRIGGER tell AFTER {change} FOR EACH ROW EXECUTE FUNCTION config.tell();
"""


@asynccontextmanager
async def told_of(database_url: str, change: str) -> AsyncIterator[asyncio.Event]:
    """An event that is set when a change such as `DELETE ON config.tenants` was committed."""
    happened = asyncio.Event()
    connection = await asyncpg.connect(database_url)
    try:
        await connection.add_listener("test_rows", lambda *_: happened.set())
        await connection.execute(_TRIGGER.format(change=change))
        yield happened
    finally:
        await connection.close()


async def execute(database_url: str, sql: str, *values: object) -> None:
    """One statement on a connection of its own."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(sql, *values)
    finally:
        await connection.close()
