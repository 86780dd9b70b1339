"""Migrations: each runs once per schema, whoever races and whatever fails in the middle."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from svckit.migrations import (
    Migration,
    MigrationError,
    load_migrations,
    migrate,
    migrate_all,
    pending,
    quoted_schema,
)
from svckit.postgres import open_pool

MAKE = Migration(1, "make", "CREATE TABLE {schema}.items (id int, tags text[] DEFAULT '{}')")
FILL = Migration(2, "fill", "INSERT INTO {schema}.items VALUES (1), (2)")
BROKEN = Migration(2, "fill", "INSERT INTO {schema}.items VALUES (1); SELECT 1/0")
# Waits at the server until another session sleeps inside its migration, and ends that session.
KILL_THE_SLEEPER = """
DO $$ BEGIN
    LOOP
        PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE pid <> pg_backend_pid() AND datname = current_database() AND wait_event = 'PgSleep';
        EXIT WHEN FOUND;
        PERFORM pg_sleep(0.005), pg_stat_clear_snapshot();
    END LOOP;
END $$
"""


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Any]:
    async with open_pool(database_url, application="test", max_size=8) as pool:
        yield pool


async def ran(pool: Any, schema: str, *migrations: Migration) -> tuple[int, ...]:
    async with pool.acquire() as connection:
        return await migrate(connection, schema, migrations)


async def test_each_schema_gets_each_migration_once(pool: Any) -> None:
    assert await ran(pool, "tenant_a", MAKE) == (1,)
    assert await ran(pool, "tenant_a", MAKE, FILL) == (2,)
    assert await ran(pool, "tenant_a", MAKE, FILL) == ()
    assert await ran(pool, "tenant_b", MAKE, FILL) == (1, 2)

    assert await pool.fetchval("SELECT count(*) FROM tenant_a.items") == 2
    ledger = await pool.fetch("SELECT version, name, checksum FROM tenant_b.schema_migrations ORDER BY 1")
    assert [tuple(row) for row in ledger] == [(1, "make", MAKE.checksum), (2, "fill", FILL.checksum)]


async def test_a_failed_migration_leaves_nothing_and_the_next_run_goes_on(pool: Any) -> None:
    with pytest.raises(asyncpg.DivisionByZeroError):
        await ran(pool, "tenant_a", MAKE, BROKEN)
    assert await pool.fetchval("SELECT count(*) FROM tenant_a.items") == 0

    assert await ran(pool, "tenant_a", MAKE, FILL) == (2,)


async def test_racing_migrators_run_everything_once(pool: Any) -> None:
    async with asyncio.TaskGroup() as tasks:
        runs = [tasks.create_task(ran(pool, "tenant_a", MAKE, FILL)) for _ in range(8)]

    assert sorted(version for run in runs for version in run.result()) == [1, 2]
    assert await pool.fetchval("SELECT count(*) FROM tenant_a.items") == 2


async def test_racing_migrators_agree_on_who_makes_the_schema(pool: Any) -> None:
    for number in range(20):
        schema = f"tenant_{number}"
        async with asyncio.TaskGroup() as tasks:
            runs = [tasks.create_task(ran(pool, schema, MAKE)) for _ in range(8)]
        assert [version for run in runs for version in run.result()] == [1]


async def test_a_killed_migrator_is_taken_over_from(pool: Any) -> None:
    slow = Migration(2, "fill", FILL.sql + "; SELECT pg_sleep(60)")
    await ran(pool, "tenant_a", MAKE)
    victim = await pool.acquire()
    async with asyncio.TaskGroup() as tasks:
        killed = tasks.create_task(expect_cut(victim, slow))
        await pool.execute(KILL_THE_SLEEPER)
    assert killed.result()

    assert await ran(pool, "tenant_a", MAKE, FILL) == (2,)
    assert await pool.fetchval("SELECT count(*) FROM tenant_a.items") == 2


async def expect_cut(connection: Any, migration: Migration) -> bool:
    with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError)):
        await migrate(connection, "tenant_a", [MAKE, migration])
    return True


async def test_a_migration_may_take_longer_than_a_pools_statements(database_url: str) -> None:
    slow = Migration(1, "slow", "SELECT pg_sleep(1.2)")
    # 0.05 s at the server, 1.05 s at the client.
    async with open_pool(database_url, application="test", statement_timeout_seconds=0.05) as pool:
        assert await ran(pool, "tenant_a", slow) == (1,)


async def test_many_schemas_are_migrated_by_several_workers(pool: Any) -> None:
    schemas = [f"tenant_{number}" for number in range(20)]

    await migrate_all(pool, schemas, [MAKE, FILL], workers=4)

    count = "SELECT count(*) FROM pg_class WHERE relname = 'items' AND relkind = 'r'"
    assert await pool.fetchval(count) == 20


def test_a_file_that_changed_after_it_ran_is_a_fault() -> None:
    with pytest.raises(MigrationError, match="0001_make changed after it ran in tenant_a"):
        pending([MAKE, FILL], {1: "other"}, "tenant_a")


def test_versions_of_a_newer_release_are_left_alone() -> None:
    assert pending([MAKE], {1: MAKE.checksum, 2: "unknown here"}, "tenant_a") == ()


@pytest.mark.parametrize("name", ["", "a b", 'a"; DROP SCHEMA public', "Tenant", "1a", "a" * 64, "a\n"])
def test_a_name_that_is_not_plain_is_no_schema(name: str) -> None:
    with pytest.raises(ValueError, match="not a schema name"):
        quoted_schema(name)


def test_a_plain_name_is_quoted() -> None:
    assert quoted_schema("tenant_" + "0" * 32) == '"tenant_' + "0" * 32 + '"'


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The migrations folder of an importable package `sample`."""
    folder = tmp_path / "sample" / "migrations"
    folder.mkdir(parents=True)
    (tmp_path / "sample" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "sample", raising=False)
    return folder


def test_files_are_loaded_in_order(package: Path) -> None:
    for name in ("0002_fill.sql", "0001_make.sql", "README.md"):
        (package / name).write_text("SELECT 1")

    assert [(each.version, each.name) for each in load_migrations("sample")] == [(1, "make"), (2, "fill")]


@pytest.mark.parametrize(
    "names", [["0002_fill.sql"], ["0001_make.sql", "0003_more.sql"], ["0001_a.sql", "0001_b.sql"], ["1_a.sql"]]
)
def test_a_gap_a_double_or_another_form_of_name_is_a_fault(package: Path, names: list[str]) -> None:
    for name in names:
        (package / name).write_text("SELECT 1")

    with pytest.raises(MigrationError):
        load_migrations("sample")
