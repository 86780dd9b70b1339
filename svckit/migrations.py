"""Brings a schema to the newest version by numbered SQL files, `NNNN_name.sql`, in a package's folder.

Each schema has its own ledger (`schema_migrations`), each file runs in one transaction with its ledger row under
an advisory lock: processes may race and be killed at any point, and the next one goes on from there. `{schema}`
in a file stands for the quoted name of the schema.
"""

import asyncio
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

import structlog

_FILE_NAME: Final = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
# PostgreSQL cuts identifiers at 63 bytes without a word: two long names would become one.
_SCHEMA_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")
# Of one file, and of the wait for another migrator: a pool's own limits are made for single statements.
_TIMEOUT_SECONDS: Final = 601.0
log = structlog.get_logger()


class MigrationError(Exception):
    """The files or a ledger are not what they must be. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file."""

    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def load_migrations(package: str, folder: str = "migrations") -> tuple[Migration, ...]:
    """The migrations in `folder` of an installed package, in order; MigrationError unless numbered 1, 2, 3 …"""
    found = []
    for entry in files(package).joinpath(folder).iterdir():
        if not entry.name.endswith(".sql"):
            continue
        match = _FILE_NAME.fullmatch(entry.name)
        if match is None:
            raise MigrationError(f"{entry.name} is not named NNNN_name.sql")
        found.append(Migration(int(match[1]), match[2], entry.read_text(encoding="utf-8")))
    found.sort(key=lambda migration: migration.version)
    if [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise MigrationError(f"the files of {package}/{folder} are not numbered 1, 2, 3 …")
    return tuple(found)


def quoted_schema(schema: str) -> str:
    """The name as it stands in SQL; ValueError for one that is not plain lower case, digits and underscores."""
    if _SCHEMA_NAME.fullmatch(schema) is None:
        raise ValueError(f"not a schema name: {schema!r}")
    return f'"{schema}"'


def pending(migrations: Sequence[Migration], applied: Mapping[int, str], schema: str) -> tuple[Migration, ...]:
    """The migrations that a ledger of version → checksum lacks; MigrationError when a file changed afterwards.

    Versions that only the ledger knows are a newer release's: code works with a schema one version ahead.
    """
    for migration in migrations:
        if applied.get(migration.version, migration.checksum) != migration.checksum:
            raise MigrationError(f"{migration.version:04}_{migration.name} changed after it ran in {schema}")
    return tuple(migration for migration in migrations if migration.version not in applied)


async def migrate(connection: Any, schema: str, migrations: Sequence[Migration]) -> tuple[int, ...]:
    """Runs what `schema` lacks on an asyncpg connection, creating the schema; returns the versions it ran."""
    quoted = quoted_schema(schema)
    ran = []
    while todo := pending(migrations, await _ledger(connection, schema), schema):
        async with connection.transaction():
            await _lock(connection, schema)
            if not await connection.fetchval(_HAS_LEDGER, schema):
                await connection.execute(_LEDGER_SQL.replace("{schema}", quoted))
            now_todo = pending(migrations, await _ledger(connection, schema), schema)
            if not now_todo or now_todo[0] is not todo[0]:
                continue  # another process was faster
            await _apply(connection, quoted, now_todo[0])
        ran.append(todo[0].version)
    if ran:
        log.info("schema migrated", schema=schema, versions=ran)
    return tuple(ran)


async def migrate_all(pool: Any, schemas: Iterable[str], migrations: Sequence[Migration], *, workers: int = 4) -> None:
    """Migrates many schemas, several at a time; an ExceptionGroup when one fails (the others may be done)."""
    queue = iter(schemas)

    async def work() -> None:
        for schema in queue:
            async with pool.acquire() as connection:
                await migrate(connection, schema, migrations)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(workers):
            tasks.create_task(work())


# Asked of the tables, behind the lock. `IF NOT EXISTS` and `to_regclass` ask the session's cache of names, which may
# still say "absent" after another migrator has made them: eight at once failed in every run.
_HAS_LEDGER: Final = """
SELECT EXISTS (
    SELECT 1 FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relname = 'schema_migrations'
)
"""
_LEDGER_SQL: Final = """
CREATE SCHEMA IF NOT EXISTS {schema};
CREATE TABLE IF NOT EXISTS {schema}.schema_migrations (
    version    integer     PRIMARY KEY,
    name       text        NOT NULL,
    checksum   text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
"""


async def _ledger(connection: Any, schema: str) -> dict[int, str]:
    table = f"{quoted_schema(schema)}.schema_migrations"
    if not await connection.fetchval(_HAS_LEDGER, schema):
        return {}
    rows = await connection.fetch(f"SELECT version, checksum FROM {table}")  # noqa: S608 (validated name)
    return {row["version"]: row["checksum"] for row in rows}


async def _lock(connection: Any, schema: str) -> None:
    """One migrator per schema, to the end of the transaction; a table's lock is waited for 2 s only."""
    await connection.execute("SET LOCAL statement_timeout = '10min'; SET LOCAL lock_timeout = '10min'")
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
        f"penstock:{schema}",
        timeout=_TIMEOUT_SECONDS,
    )
    await connection.execute("SET LOCAL lock_timeout = '2s'")


async def _apply(connection: Any, quoted: str, migration: Migration) -> None:
    await connection.execute(migration.sql.replace("{schema}", quoted), timeout=_TIMEOUT_SECONDS)
    await connection.execute(
        f"INSERT INTO {quoted}.schema_migrations (version, name, checksum) VALUES ($1, $2, $3)",  # noqa: S608
        migration.version,
        migration.name,
        migration.checksum,
    )
