"""The embedded PostgreSQL: real servers, in every user mode that this machine allows."""

import os
import signal
from pathlib import Path

import asyncpg
import pytest

from penstockctl.embedded.binaries import PostgresBinaries, find_postgres
from penstockctl.embedded.child import run_until_left
from penstockctl.embedded.leftovers import find_users
from penstockctl.embedded.postgres import prepare_postgres, run_postgres
from penstockctl.faults import OperatorError
from penstockctl.user_mode import UserMode, find_usable_modes
from tests.penstockctl.processes import wait_until_gone

MODES = [pytest.param(mode, id=mode.value) for mode in sorted(find_usable_modes())]


async def ask(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


@pytest.mark.parametrize("mode", MODES)
async def test_rows_survive_a_restart(folder: Path, mode: UserMode) -> None:
    for count in (1, 2):
        server = await prepare_postgres(folder / "pg", folder / "s", usable_modes=frozenset({mode}))
        async with run_until_left("PostgreSQL", server.command, server.gate, folder / "log"):
            await ask(server.admin_url, "CREATE TABLE IF NOT EXISTS days (day int)")
            await ask(server.admin_url, "INSERT INTO days VALUES (1)")
            assert await ask(server.admin_url, "SELECT count(*) FROM days") == count
        assert find_users(folder / "pg/data", frozenset({"postgres"})) == []


async def test_it_listens_on_a_private_unix_socket_only(with_data: Path) -> None:
    async with run_postgres(with_data / "pg", with_data / "s") as server:
        assert await ask(server.admin_url, "SHOW listen_addresses") == ""
        assert (with_data / "s/.s.PGSQL.5432").stat().st_mode & 0o777 == 0o700


async def test_a_wrong_password_is_refused(with_data: Path) -> None:
    async with run_postgres(with_data / "pg", with_data / "s") as server:
        password = (with_data / "pg/password").read_text().strip()
        with pytest.raises(asyncpg.InvalidPasswordError):
            await ask(server.admin_url.replace(password, "guessed"), "SELECT 1")


async def test_the_password_file_is_the_owners_alone(folder: Path) -> None:
    await prepare_postgres(folder / "pg", folder / "s")

    assert (folder / "pg/password").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", MODES)
async def test_committed_rows_survive_a_kill_and_a_start_at_once(folder: Path, mode: UserMode) -> None:
    server = await prepare_postgres(folder / "pg", folder / "s", usable_modes=frozenset({mode}))
    async with run_until_left("PostgreSQL", server.command, server.gate, folder / "log") as child:
        await ask(server.admin_url, "CREATE TABLE days AS SELECT 1 AS day")
        child.kill()
        await child.wait()

    async with run_postgres(folder / "pg", folder / "s") as again:
        assert await ask(again.admin_url, "SELECT day FROM days") == 1


async def test_a_lock_file_with_the_id_of_a_stranger_is_stale(with_data: Path) -> None:
    (with_data / "s").mkdir(exist_ok=True)
    for lock in (with_data / "pg/data/postmaster.pid", with_data / "s/.s.PGSQL.5432.lock"):
        lock.write_text(f"{os.getppid()}\n{with_data / 'pg/data'}\n0\n5432\n{with_data / 's'}\n\n")
    (with_data / "s/.s.PGSQL.5432").touch()

    async with run_postgres(with_data / "pg", with_data / "s") as server:
        assert await ask(server.admin_url, "SELECT 1") == 1


async def test_a_start_that_died_while_making_the_data_is_begun_anew(folder: Path) -> None:
    (folder / "pg/data.partial/base").mkdir(parents=True)

    async with run_postgres(folder / "pg", folder / "s") as server:
        assert await ask(server.admin_url, "SELECT 1") == 1


async def test_two_servers_never_run_on_the_same_data(with_data: Path) -> None:
    async with run_postgres(with_data / "pg", with_data / "s"):
        with pytest.raises(OperatorError, match=r"Process \d+ still runs on"):
            await prepare_postgres(with_data / "pg", with_data / "s", leave_seconds=0.1)


async def test_data_of_another_major_version_are_refused(with_data: Path) -> None:
    real = find_postgres()
    newer = PostgresBinaries(real.folder, real.major + 1)

    with pytest.raises(OperatorError, match=rf"made by PostgreSQL {real.major}, but PostgreSQL {newer.major}"):
        await prepare_postgres(with_data / "pg", with_data / "s", binaries=newer)


async def test_data_without_a_record_of_their_making_are_refused_and_kept(with_data: Path) -> None:
    (with_data / "pg/data/made-by.json").unlink()

    with pytest.raises(
        OperatorError, match=r"have no record of their making \(made-by\.json\), so they are not touched"
    ):
        await prepare_postgres(with_data / "pg", with_data / "s")
    assert (with_data / "pg/data/PG_VERSION").exists()


async def test_a_record_beside_the_data_is_taken_as_earlier_releases_wrote_it(with_data: Path) -> None:
    (with_data / "pg/data/made-by.json").rename(with_data / "pg/made-by.json")

    async with run_postgres(with_data / "pg", with_data / "s") as server:
        assert await ask(server.admin_url, "SELECT 1") == 1


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"user_mode": "x", "uid": 0, "postgres_major": 18}'])
async def test_a_damaged_record_is_one_sentence(with_data: Path, text: str) -> None:
    (with_data / "pg/data/made-by.json").write_text(text)

    with pytest.raises(OperatorError, match=r"^The record .*made-by\.json is damaged: restore it"):
        await prepare_postgres(with_data / "pg", with_data / "s")


@pytest.mark.parametrize("version", ["9\n", None], ids=["another", "none"])
async def test_data_that_are_not_what_their_record_says_are_refused(with_data: Path, version: str | None) -> None:
    path = with_data / "pg/data/PG_VERSION"
    path.unlink() if version is None else path.write_text(version)

    said = rf"are of version {'9' if version else 'unknown'}, but .*made-by\.json says {find_postgres().major}:"
    with pytest.raises(OperatorError, match=said):
        await prepare_postgres(with_data / "pg", with_data / "s")


async def test_data_of_another_user_mode_are_refused(with_data: Path) -> None:
    record = with_data / "pg/data/made-by.json"
    other = '"plain", "uid": 4711' if os.geteuid() == 0 else '"userns", "uid": 0'
    major = find_postgres().major
    record.write_text(f'{{"user_mode": {other}, "postgres_major": {major}}}')

    with pytest.raises(OperatorError, match="cannot be used by"):
        await prepare_postgres(with_data / "pg", with_data / "s")


async def test_root_without_any_usable_mode_is_told_what_to_do(folder: Path) -> None:
    if os.geteuid() == 0:
        with pytest.raises(OperatorError, match="--database-url"):
            await prepare_postgres(folder / "pg", folder / "s", usable_modes=frozenset())
    else:  # an ordinary user needs no special mode
        await prepare_postgres(folder / "pg", folder / "s", usable_modes=frozenset())


async def test_the_server_ends_in_order_on_its_stop_signal(with_data: Path) -> None:
    server = await prepare_postgres(with_data / "pg", with_data / "s")
    async with run_until_left("PostgreSQL", server.command, server.gate, with_data / "log") as child:
        child.send_signal(signal.SIGINT)
        assert await child.wait() == 0
        wait_until_gone(child.pid)
    assert not (with_data / "pg/data/postmaster.pid").exists()


async def test_a_server_that_cannot_start_says_where_its_log_is(with_data: Path) -> None:
    server = await prepare_postgres(with_data / "pg", with_data / "s")
    (with_data / "pg/data/postgresql.conf").write_text("max_connections = none\n")

    with pytest.raises(OperatorError, match=r"ended at once \(exit code 1\), see .*log"):
        async with run_until_left("PostgreSQL", server.command, server.gate, with_data / "log"):
            pass
