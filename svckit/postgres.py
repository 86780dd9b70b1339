"""Connections to the service's own PostgreSQL database.

There is no `search_path` to lean on: statements name `schema.table` in full, an unqualified name fails.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import asyncpg
import structlog

from svckit.backoff import delays

_CONNECT_TIMEOUT_SECONDS: Final = 5.0
# The server is not there, not ready or full: all of them pass. Wrong credentials or a missing database do not.
AWAY: Final = (
    OSError,  # TimeoutError too
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InternalClientError,  # what asyncpg says of a connection that a shutdown met between two messages
)
# What work that nobody waits for may run into besides, and can be done later.
PUT_OFF: Final = (
    *AWAY,
    asyncpg.LockNotAvailableError,
    asyncpg.DeadlockDetectedError,
    asyncpg.QueryCanceledError,  # the statement took too long
)
log = structlog.get_logger()


@asynccontextmanager
async def open_pool(
    url: str,
    *,
    application: str,
    min_size: int = 1,
    max_size: int = 10,
    statement_timeout_seconds: float = 10.0,
    backoff_scale: float = 0.2,
) -> AsyncIterator[Any]:
    """An asyncpg pool, opened when the server answers: waits for it as long as it takes, and says so once.

    A statement runs for `statement_timeout_seconds` at most, waits 2 s for a lock and sees UTC. Raises
    asyncpg's error when the server refuses for good (credentials, unknown database).
    """
    pool = await _opened(
        url,
        backoff_scale,
        min_size=min_size,
        max_size=max_size,
        timeout=_CONNECT_TIMEOUT_SECONDS,
        command_timeout=statement_timeout_seconds + 1,  # the server's own limit comes first
        max_inactive_connection_lifetime=300.0,
        max_queries=20_000,  # a backend's cache grows with every tenant's schema that it has touched
        server_settings={
            "application_name": application,
            "search_path": "pg_catalog",
            "timezone": "UTC",
            "statement_timeout": str(int(statement_timeout_seconds * 1000)),
            "idle_in_transaction_session_timeout": "30000",
            "lock_timeout": "2000",
        },
    )
    try:
        yield pool
    finally:
        await _close(pool)


@asynccontextmanager
async def listening(pool: Any, channel: str, heard: Callable[..., None]) -> AsyncIterator[Any]:
    """A connection of the pool that calls `heard(connection, pid, channel, payload)` for each notification."""
    async with pool.acquire() as connection:
        await connection.add_listener(channel, heard)
        try:
            yield connection
        finally:
            # A lost connection has been released already, and complaining of that must not hide a cancellation.
            with suppress(asyncpg.InterfaceError):
                await connection.remove_listener(channel, heard)


@asynccontextmanager
async def alone(connection: Any, key: str) -> AsyncIterator[None]:
    """One holder of `key` at a time in the database; a waiter gives up after the lock timeout (2 s)."""
    await connection.execute("SELECT pg_advisory_lock(hashtextextended($1, 0))", key)
    try:
        yield
    finally:
        if not is_lost(connection):  # else the lock is gone with it
            await connection.execute("SELECT pg_advisory_unlock(hashtextextended($1, 0))", key)


def is_lost(connection: Any) -> bool:
    """Whether a connection of a pool has ended. The pool takes a lost one back under its user's hands: asyncpg then
    raises where it is asked for this."""
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:
        return True


async def _opened(url: str, backoff_scale: float, **options: Any) -> Any:
    waiting = False
    for delay in delays(random.SystemRandom().random, scale=backoff_scale):
        try:
            pool = await asyncpg.create_pool(url, **options)
        except AWAY as error:
            if not waiting:
                log.warning("waiting for PostgreSQL", error=repr(error))
            waiting = True
            await asyncio.sleep(delay)
        else:
            log.info("connected to PostgreSQL")
            return pool
    raise AssertionError("the schedule has no end")


async def _close(pool: Any) -> None:
    """Waits for connections in use, then cuts them: a process that stops does not hang on a lost one."""
    try:
        async with asyncio.timeout(_CONNECT_TIMEOUT_SECONDS):
            await pool.close()
    except TimeoutError:
        pool.terminate()
