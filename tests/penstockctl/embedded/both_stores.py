"""A program that runs both embedded stores below the folder it is given, tells their process ids, and stays."""

import asyncio
import sys
from pathlib import Path

import asyncpg

from penstockctl.embedded.leftovers import find_users
from penstockctl.embedded.postgres import run_postgres
from penstockctl.embedded.valkey import run_valkey


async def main(folder: Path) -> None:
    sockets = folder / "s"
    async with run_postgres(folder / "pg", sockets) as postgres, run_valkey(folder / "vk", sockets):
        connection = await asyncpg.connect(postgres.admin_url)
        await connection.execute("CREATE TABLE IF NOT EXISTS starts (at timestamptz DEFAULT now())")
        await connection.execute("INSERT INTO starts DEFAULT VALUES")
        count = await connection.fetchval("SELECT count(*) FROM starts")
        await connection.close()
        servers = find_users(folder / "pg/data", frozenset({"postgres"}))
        servers += find_users(folder / "vk", frozenset({"valkey-server", "redis-server"}))
        print(f"start {count} of", *servers, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
