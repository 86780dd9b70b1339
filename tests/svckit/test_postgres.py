"""The pool waits for its server, and its sessions take nothing for granted."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import asyncpg
import pytest
from structlog.testing import capture_logs

from svckit.postgres import is_lost, listening, open_pool

SOCKET = ".s.PGSQL.5432"
END_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE pid <> pg_backend_pid() AND datname = current_database()
"""


async def test_an_unqualified_name_is_not_found(database_url: str) -> None:
    async with open_pool(database_url, application="test") as pool:
        await pool.execute("CREATE TABLE public.seen (id int)")
        await pool.execute("SELECT id FROM public.seen")
        with pytest.raises(asyncpg.UndefinedTableError):
            await pool.execute("SELECT id FROM seen")


async def test_a_session_is_named_and_bounded_and_stays_so(database_url: str) -> None:
    asked = (
        "SELECT current_setting(name) FROM unnest($1::text[]) AS name",
        ["application_name", "statement_timeout", "lock_timeout", "timezone", "search_path"],
    )
    async with open_pool(database_url, application="authsvc", max_size=1) as pool:
        async with pool.acquire() as connection:
            first = [row[0] for row in await connection.fetch(*asked)]
            await connection.execute("SET search_path = public; SET statement_timeout = 0")
        again = [row[0] for row in await pool.fetch(*asked)]

    assert first == again == ["authsvc", "10s", "2s", "UTC", "pg_catalog"]


async def test_a_statement_ends_at_its_limit(database_url: str) -> None:
    async with open_pool(database_url, application="test", statement_timeout_seconds=0.05) as pool:
        with pytest.raises(asyncpg.QueryCanceledError):
            await pool.execute("SELECT pg_sleep(30)")


async def test_the_pool_waits_for_its_server_and_says_so_once(database_url: str, short_dir: Path) -> None:
    query = urlsplit(database_url).query
    real, door = Path(unquote(query.removeprefix("host="))) / SOCKET, short_dir / "waiting" / SOCKET
    door.parent.mkdir()
    url = database_url.replace(query, f"host={quote(str(door.parent))}")
    refused_twice = asyncio.Semaphore(0)

    async def refuse(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        refused_twice.release()

    with capture_logs() as lines:
        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            async with await asyncio.start_unix_server(refuse, door):
                opening = tasks.create_task(opened_and_asked(url))
                await refused_twice.acquire()
                await refused_twice.acquire()
            door.unlink(missing_ok=True)  # Python 3.13 takes it away itself
            door.symlink_to(real)

    assert opening.result() == 1
    assert [line["event"] for line in lines] == ["waiting for PostgreSQL", "connected to PostgreSQL"]


async def opened_and_asked(url: str) -> int:
    async with open_pool(url, application="test", backoff_scale=0.001) as pool:
        answer: int = await pool.fetchval("SELECT 1")
        return answer


@pytest.mark.parametrize("wrong", ["password", "database"])
async def test_what_the_server_refuses_for_good_is_not_waited_for(database_url: str, wrong: str) -> None:
    user = urlsplit(database_url).username or ""
    url = {
        "password": database_url.replace(f":{user}@", ":wrong@"),
        "database": database_url.replace(f"@/{user}", "@/nowhere"),
    }[wrong]

    with pytest.raises((asyncpg.InvalidPasswordError, asyncpg.InvalidCatalogNameError)):
        async with open_pool(url, application="test"):
            pass


async def listened(pool: Any, hears: Callable[[str], None], begun: asyncio.Event) -> None:
    """Listens until the connection is lost."""
    async with listening(pool, "news", lambda _connection, _pid, _channel, payload: hears(payload)) as connection:
        begun.set()
        await until_lost(connection)


async def until_lost(connection: Any) -> None:
    while not is_lost(connection):  # noqa: ASYNC110 - nobody announces it
        await asyncio.sleep(0)


async def test_notifications_are_heard_until_the_connection_is_lost(database_url: str) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    begun = asyncio.Event()
    async with asyncio.timeout(20), open_pool(database_url, application="test") as pool, asyncio.TaskGroup() as tasks:
        listener = tasks.create_task(listened(pool, heard.put_nowait, begun))
        await begun.wait()
        await pool.execute("NOTIFY news, 'one'")
        assert await heard.get() == "one"
        await pool.execute(END_OTHERS)
        await listener
        # nothing is left of the listener on a connection that others get
        assert await pool.fetchval("SELECT count(*) FROM pg_listening_channels()") == 0


async def test_a_listener_that_is_cancelled_after_its_connection_was_lost_is_cancelled(database_url: str) -> None:
    async with asyncio.timeout(20), open_pool(database_url, application="test") as pool:
        begun, lost = asyncio.Event(), asyncio.Event()

        async def listen() -> None:
            async with listening(pool, "news", print) as connection:
                begun.set()
                await until_lost(connection)
                lost.set()
                await asyncio.Event().wait()

        task = asyncio.get_running_loop().create_task(listen())
        await begun.wait()
        await pool.execute(END_OTHERS)
        await lost.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
