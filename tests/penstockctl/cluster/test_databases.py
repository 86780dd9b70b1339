"""One service, one database, one role, on a real server."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from penstockctl.cluster.databases import ensure_databases, service_url
from penstockctl.embedded.child import run_until_left
from penstockctl.embedded.postgres import prepare_postgres, run_postgres
from penstockctl.faults import OperatorError

PASSWORDS = {"auth": "a-1", "config": "c-1", "telemetry": "t-1"}


@pytest.fixture
async def admin_url(with_data: Path) -> AsyncIterator[str]:
    async with run_postgres(with_data / "pg", with_data / "s") as server:
        yield server.admin_url


async def test_each_service_owns_its_database_and_enters_no_other(admin_url: str) -> None:
    urls = (await ensure_databases(admin_url, PASSWORDS, None)).urls
    urls = (await ensure_databases(admin_url, PASSWORDS, None)).urls  # again the same

    for noun, url in urls.items():
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("SELECT current_database()") == f"penstock_{noun}"
        await connection.execute("CREATE SCHEMA own")
        await connection.execute(f"CREATE ROLE reader_{noun} NOLOGIN")
        await connection.execute(f"GRANT reader_{noun} TO penstock_{noun}")
        await connection.execute(f"SET ROLE reader_{noun}")
        await connection.close()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(urls["auth"].replace("/penstock_auth?", "/penstock_config?"))


async def test_an_administrator_without_superuser_rights_is_enough(admin_url: str) -> None:
    superuser = await asyncpg.connect(admin_url)
    await superuser.execute("CREATE ROLE cloud LOGIN CREATEROLE CREATEDB PASSWORD 'cloud'")
    await superuser.close()
    host = admin_url.partition("?")[2]

    urls = (await ensure_databases(f"postgresql://cloud:cloud@/postgres?{host}", PASSWORDS, None)).urls

    connection = await asyncpg.connect(urls["config"])
    assert await connection.fetchval("SELECT current_user") == "penstock_config"
    await connection.close()


async def test_no_password_and_no_error_reaches_the_servers_log(with_data: Path) -> None:
    passwords = {noun: f"hush-{noun}" for noun in PASSWORDS}
    server = await prepare_postgres(with_data / "pg", with_data / "s")
    command = replace(server.command, argv=(*server.command.argv, "-c", "log_statement=all"))
    async with run_until_left("PostgreSQL", command, server.gate, with_data / "log"):
        for _ in range(2):
            await ensure_databases(server.admin_url, passwords, None)

    log = (with_data / "log").read_text()
    assert "CREATE ROLE penstock_auth" in log
    assert "hush" not in log
    assert "ERROR" not in log


async def test_roles_of_another_cluster_are_left_alone(admin_url: str) -> None:
    await ensure_databases(admin_url, PASSWORDS, None)

    with pytest.raises(OperatorError, match="belongs to another cluster"):
        await ensure_databases(admin_url, {**PASSWORDS, "config": "another"}, None)


async def test_databases_of_another_cluster_are_refused_before_anything_is_made(admin_url: str) -> None:
    with pytest.raises(OperatorError, match=r"\(none with its mark\): start it with its former --database-url"):
        await ensure_databases(admin_url, PASSWORDS, "0123456789abcdef")
    connection = await asyncpg.connect(admin_url)
    assert await connection.fetchval("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'penstock_%'") == 0
    await connection.close()

    made = await ensure_databases(admin_url, PASSWORDS, None)
    with pytest.raises(OperatorError, match=r"\(those of another cluster\): start it with its former --database-url"):
        await ensure_databases(admin_url, PASSWORDS, "0123456789abcdef")
    for recorded in (made.cluster_id, None):
        assert await ensure_databases(admin_url, PASSWORDS, recorded) == made


async def test_a_server_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(OperatorError, match="could not be made on the server of --database-url"):
        await ensure_databases("postgresql://a:b@/postgres?host=/nowhere", PASSWORDS, None)


@pytest.mark.parametrize(
    ("admin", "service"),
    [
        ("postgresql://root:pw@db:5432/postgres", "postgresql://penstock_auth:s%2F%40@db:5432/penstock_auth"),
        (
            "postgresql://db/postgres?sslmode=require",
            "postgresql://penstock_auth:s%2F%40@db/penstock_auth?sslmode=require",
        ),
        (
            "postgres://@/x?host=%2Frun&user=root&password=p",
            "postgres://penstock_auth:s%2F%40@/penstock_auth?host=%2Frun",
        ),
    ],
)
def test_a_services_url_keeps_the_address_and_drops_the_administrator(admin: str, service: str) -> None:
    assert service_url(admin, "auth", "s/@") == service
