"""A real PostgreSQL of our own: made once in a data folder, reached by a Unix socket only, with a password.

`prepare_postgres` makes the data and says how to start the server; `run_postgres` also runs it.
Never upgrades data of another major version.
"""

import os
import shutil
import signal
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from penstockctl.embedded.binaries import PostgresBinaries, find_postgres
from penstockctl.embedded.child import run_until_left
from penstockctl.embedded.leftovers import wait_until_unused
from penstockctl.embedded.provenance import (
    Provenance,
    explain_mismatch,
    read_provenance,
    write_provenance,
)
from penstockctl.faults import OperatorError
from penstockctl.gates import PostgresAnswers
from penstockctl.private_files import read_or_make_secret
from penstockctl.spawn import Command, collect
from penstockctl.user_mode import (
    UserMode,
    choose_user_mode,
    find_usable_modes,
    give_to,
    is_reachable_by_others,
    refuse_unreachable,
)

_SUPERUSER = "penstock"
_MAX_CONNECTIONS = 100
_PROGRAMS = frozenset({"postgres"})


@dataclass(frozen=True, slots=True)
class PreparedPostgres:
    """How to start the server, and where it will answer: `admin_url` is its superuser's."""

    command: Command
    admin_url: str = field(repr=False)

    @property
    def gate(self) -> PostgresAnswers:
        return PostgresAnswers(self.admin_url)


@asynccontextmanager
async def run_postgres(
    folder: Path, socket_dir: Path, *, binaries: PostgresBinaries | None = None
) -> AsyncIterator[PreparedPostgres]:
    """Run a server on the data in `folder`, with its log beside them, until the context is left."""
    prepared = await prepare_postgres(folder, socket_dir, binaries=binaries)
    async with run_until_left("PostgreSQL", prepared.command, prepared.gate, folder / "server.log"):
        yield prepared


async def prepare_postgres(
    folder: Path,
    socket_dir: Path,
    *,
    binaries: PostgresBinaries | None = None,
    usable_modes: frozenset[UserMode] | None = None,
    leave_seconds: float = 5.0,
) -> PreparedPostgres:
    """Make the data in `folder` on the first call and clear the way for a start.

    `binaries` and `usable_modes` are found out when absent; a former server has
    `leave_seconds` to end. OperatorError: no PostgreSQL here, the data were made by another user mode or
    major version, nobody knows who made them, or another server still runs on them.
    """
    binaries = binaries or find_postgres()
    data = folder / "data"
    made = read_provenance(data)
    now = Provenance(_choose_mode(made, usable_modes), os.geteuid(), binaries.major)
    if made and (mismatch := explain_mismatch(made, now)):
        raise OperatorError(f"The data directory {folder} {mismatch}.")
    mode = now.user_mode
    for path in (folder, socket_dir):
        _make_folder(path, mode)
    programs = _reachable_programs(binaries.folder, folder, mode)
    password_file = folder / "password"
    password = read_or_make_secret(password_file)
    give_to(mode, password_file)
    await wait_until_unused(data, _PROGRAMS, leave_seconds)
    if not made:
        await _initialise(programs, data, password_file, now)
    _remove_stale_locks(data, socket_dir)
    return PreparedPostgres(_server_command(programs, data, socket_dir, mode), _url(password, socket_dir))


def _choose_mode(made: Provenance | None, usable: frozenset[UserMode] | None) -> UserMode:
    recorded = made.user_mode if made else None
    mode = choose_user_mode(os.geteuid(), recorded, find_usable_modes() if usable is None else usable)
    if mode is None:
        raise OperatorError(
            "PostgreSQL refuses to run as root and neither a user namespace nor the account nobody can be"
            " used here: start as an ordinary user, or give an own server by --database-url."
        )
    return mode


def _make_folder(path: Path, mode: UserMode) -> None:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    refuse_unreachable(mode, path)
    give_to(mode, path)


def _reachable_programs(programs: Path, folder: Path, mode: UserMode) -> Path:
    """The programs' folder; a copy under `folder` when the account nobody could not reach them (41 MB)."""
    if mode is not UserMode.NOBODY or is_reachable_by_others(programs / "postgres"):
        return programs
    copy = folder / "programs"
    if not copy.exists():
        partial = folder / "programs.partial"
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(programs.parent, partial, symlinks=True)
        partial.chmod(stat.S_IRWXU | stat.S_IXGRP | stat.S_IXOTH)
        partial.rename(copy)
    return copy / "bin"


async def _initialise(programs: Path, data: Path, password_file: Path, made: Provenance) -> None:
    """Make the data beside their place first, so that a crash in between leaves nothing half-made: data and the
    record of their making appear together."""
    partial = data.with_name("data.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    give_to(made.user_mode, partial)
    argv = (
        str(programs / "initdb"),
        f"--pgdata={partial}",
        f"--username={_SUPERUSER}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",  # the wheel is built without ICU; order by bytes is the same everywhere
    )
    code, text = await collect(Command(argv, user_mode=made.user_mode))
    if code != 0:
        last = text.strip().splitlines()[-1:] or ["it said nothing"]
        raise OperatorError(f"PostgreSQL could not make its data in {data}: {last[0]}")
    give_to(made.user_mode, write_provenance(partial, made))
    partial.rename(data)


def _remove_stale_locks(data: Path, socket_dir: Path) -> None:
    """A killed server leaves its lock files. Nobody works in `data` any more (the caller made sure), but the
    process id in them may be in use again by a stranger, which PostgreSQL takes for a running server."""
    stale = [data / "postmaster.pid", *socket_dir.glob(".s.PGSQL.*")] if Path("/proc/self").exists() else []
    for path in stale:
        path.unlink(missing_ok=True)


def _server_command(programs: Path, data: Path, socket_dir: Path, mode: UserMode) -> Command:
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(socket_dir),
        "unix_socket_permissions": "0700",
        "max_connections": str(_MAX_CONNECTIONS),
        "password_encryption": "scram-sha-256",
        "log_checkpoints": "off",
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return Command(
        argv=(str(programs / "postgres"), "-D", str(data), *options),
        user_mode=mode,
        # SIGINT is its "fast" shutdown: sessions are closed, the data are flushed (0.03 s measured).
        stop_signal=signal.SIGINT,
        death_signal=signal.SIGINT,
    )


def _url(password: str, socket_dir: Path) -> str:
    return f"postgresql://{_SUPERUSER}:{password}@/postgres?host={quote(str(socket_dir))}"
