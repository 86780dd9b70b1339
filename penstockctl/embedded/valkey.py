"""A real Valkey of our own, on a Unix socket only; what it holds survives a restart and a kill.

Two logical databases: 0 for the limits alone, 1 for what the processes share (warm copies, events).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from penstockctl.embedded.binaries import find_valkey
from penstockctl.embedded.child import run_until_left
from penstockctl.embedded.leftovers import wait_until_unused
from penstockctl.gates import RedisAnswers
from penstockctl.spawn import Command

_LEAVE_SECONDS = 5.0
_PROGRAMS = frozenset({"valkey-server", "redis-server"})


@dataclass(frozen=True, slots=True)
class PreparedValkey:
    """How to start the server, and where it will answer."""

    command: Command
    socket: Path

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self.socket))}"

    @property
    def gate(self) -> RedisAnswers:
        return RedisAnswers(self.url)


@asynccontextmanager
async def run_valkey(folder: Path, socket_dir: Path) -> AsyncIterator[PreparedValkey]:
    """Run a server on the data in `folder`, with its log beside them, until the context is left."""
    prepared = await prepare_valkey(folder, socket_dir)
    async with run_until_left("Valkey", prepared.command, prepared.gate, folder / "server.log"):
        yield prepared


async def prepare_valkey(folder: Path, socket_dir: Path) -> PreparedValkey:
    """Make the folders and wait for a former server to be gone. OperatorError: no program, or it stays."""
    program = find_valkey()
    for path in (folder, socket_dir):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A server that ends removes its socket by path: it must be gone before its successor listens there.
    await wait_until_unused(folder, _PROGRAMS, _LEAVE_SECONDS)
    socket = socket_dir / "valkey.sock"
    return PreparedValkey(Command(_server_argv(program, folder, socket)), socket)


def _server_argv(program: Path, folder: Path, socket: Path) -> tuple[str, ...]:
    settings = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(folder),
        "databases": "2",
        "loglevel": "warning",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory": "256mb",
        # A limit that is evicted is a limit that is not kept: refuse writes instead.
        "maxmemory-policy": "noeviction",
    }
    return (str(program), *(part for name, value in settings.items() for part in (f"--{name}", value)))
