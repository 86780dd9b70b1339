"""The whole suite on servers that somebody else runs: PostgreSQL and Valkey over TCP, with passwords."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from penstockctl.embedded.child import run_until_left
from penstockctl.embedded.postgres import prepare_postgres
from penstockctl.embedded.valkey import prepare_valkey
from penstockctl.gates import PostgresAnswers, RedisAnswers
from tests.e2e.suite import running_suite
from tests.support.background import opened_in_background
from tests.support.ports import free_port


@asynccontextmanager
async def servers(folder: Path) -> AsyncIterator[tuple[str, str]]:
    """An administrator's URL of a PostgreSQL, and a Valkey's."""
    async with AsyncExitStack() as stack:
        postgres, port = await prepare_postgres(folder / "pg", folder / "s"), free_port()
        database_url = f"postgresql://penstock:{urlsplit(postgres.admin_url).password}@127.0.0.1:{port}/postgres"
        options = ("-c", "listen_addresses=127.0.0.1", "-c", f"port={port}", "-c", "fsync=off")
        command = replace(postgres.command, argv=(*postgres.command.argv, *options))
        running = run_until_left("PostgreSQL", command, PostgresAnswers(database_url), folder / "pg.log")
        await stack.enter_async_context(running)

        valkey, port = await prepare_valkey(folder / "vk", folder / "vs"), free_port()
        redis_url = f"redis://:the-servers-own@127.0.0.1:{port}/0"
        options = ("--port", str(port), "--bind", "127.0.0.1", "--requirepass", "the-servers-own")
        command = replace(valkey.command, argv=(*valkey.command.argv, *options))
        running = run_until_left("Valkey", command, RedisAnswers(redis_url), folder / "vk.log")
        await stack.enter_async_context(running)
        yield database_url, redis_url


def test_the_suite_runs_on_external_stores_and_starts_none_of_its_own(short_dir: Path, tmp_path: Path) -> None:
    with opened_in_background(servers(short_dir / "others")) as (database_url, redis_url):
        options = ("--no-demo", f"--database-url={database_url}", f"--redis-url={redis_url}")
        with running_suite(tmp_path, *options) as suite:
            assert httpx.get(f"{suite.edge_url}/readyz", trust_env=False).status_code == 200
            tenant = suite.register()
            assert suite.edge("/nowhere", x_api_key=tenant.key).json()["code"] == "ROUTE_NOT_FOUND"
        assert not (suite.data_dir / "postgres").exists()
        assert not (suite.data_dir / "valkey").exists()
        said = suite.log.read_text()
        for url in (database_url, redis_url):
            assert str(urlsplit(url).password) not in said
