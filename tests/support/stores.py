"""Real stores: one PostgreSQL and one Valkey per session, fresh data per test."""

import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
import redis

from penstockctl.embedded.child import run_until_left
from penstockctl.embedded.postgres import prepare_postgres
from penstockctl.embedded.valkey import run_valkey
from tests.support.background import opened_in_background

# Tests survive no power cut; a database is made three times as fast.
_FAST = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running server; `admin_url` is its superuser's."""

    admin_url: str

    async def fresh_database(self) -> str:
        """Creates an empty database with an owner of its own, as `penstock up` does, and returns its URL."""
        name = f"test_{secrets.token_hex(6)}"
        connection = await asyncpg.connect(self.admin_url)
        try:
            await connection.execute(f"CREATE ROLE {name} LOGIN CREATEROLE PASSWORD '{name}'")
            await connection.execute(f"CREATE DATABASE {name} OWNER {name}")
        finally:
            await connection.close()
        return f"postgresql://{name}:{name}@/{name}?{urlsplit(self.admin_url).query}"

    async def drop_database(self, url: str) -> None:
        """Drops what `fresh_database` created, whoever is still connected."""
        name = urlsplit(url).path.lstrip("/")
        connection = await asyncpg.connect(self.admin_url)
        try:
            await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        finally:
            await connection.close()


@pytest.fixture(scope="session")
def short_dir() -> Iterator[Path]:
    """A private directory with a short path: a Unix socket's path has 107 bytes at most."""
    path = Path(tempfile.mkdtemp(prefix="ps"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(short_dir: Path) -> Iterator[PostgresServer]:
    """The session's PostgreSQL server."""
    with opened_in_background(fast_postgres(short_dir / "pg", short_dir / "pgs")) as server:
        yield server


@asynccontextmanager
async def fast_postgres(folder: Path, socket_dir: Path) -> AsyncIterator[PostgresServer]:
    prepared = await prepare_postgres(folder, socket_dir)
    command = replace(prepared.command, argv=(*prepared.command.argv, *_FAST))
    async with run_until_left("PostgreSQL", command, prepared.gate, folder / "server.log"):
        yield PostgresServer(prepared.admin_url)


@pytest.fixture
async def database_url(postgres: PostgresServer) -> AsyncIterator[str]:
    """The URL of an empty database of the test's own."""
    url = await postgres.fresh_database()
    yield url
    await postgres.drop_database(url)


@pytest.fixture(scope="session")
def valkey_socket(short_dir: Path) -> Iterator[Path]:
    """The Unix socket of the session's Valkey server."""
    with opened_in_background(run_valkey(short_dir / "vk", short_dir / "vks")) as server:
        yield server.socket


@pytest.fixture
def valkey(valkey_socket: Path) -> str:
    """The redis URL of an empty database."""
    url = f"unix://{valkey_socket}?db=0"
    with redis.Redis.from_url(url) as client:
        client.flushall()
    return url
