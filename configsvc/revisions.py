"""The global revision: one number per change, in commit order, and the news of it for every replica."""

from typing import Any, Final

import asyncpg

from svckit.postgres import AWAY

CHANNEL: Final = "penstock_config"
# What the database's absence looks like to work that goes on without it: connections lost, cut off or overrun.
LOST: Final = (*AWAY, asyncpg.InterfaceError, asyncpg.OperatorInterventionError)


async def next_revision(connection: Any) -> int:
    """Takes the next number inside the caller's transaction, and tells the replicas when that commits.

    The row stays locked until then: numbers become visible in their order. Take it last, the lock is everybody's.
    """
    await connection.execute("SELECT pg_notify($1, '')", CHANNEL)
    revision: int = await connection.fetchval("UPDATE config.revision SET head = head + 1 RETURNING head")
    return revision
