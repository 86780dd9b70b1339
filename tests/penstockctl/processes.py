"""Looking at real processes from outside: whether they are gone, what they say."""

import asyncio
import os
import select
import shutil
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

DEADLINE_SECONDS = 30.0


def wait_until_gone(process_id: int, seconds: float = DEADLINE_SECONDS) -> None:
    """Return when the process has ended (also when it was gone before); TimeoutError when it stays."""
    try:
        descriptor = os.pidfd_open(process_id)
    except ProcessLookupError:
        return
    try:
        ended, _, _ = select.select([descriptor], [], [], seconds)
    finally:
        os.close(descriptor)
    if not ended:
        raise TimeoutError(f"process {process_id} is still there")


def as_ordinary_user(*command: str) -> tuple[str, ...]:
    """`command` as the account nobody when we are root; as it is when we are an ordinary user already.

    The tests' interpreter may stand where nobody may not go (below /root): then that one right is lent.
    """
    if os.geteuid() != 0:
        return command
    setpriv: tuple[str, ...] = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    paths = (Path(sys.executable), Path(__file__))
    if not all(_is_open_to_all(path) for path in paths):
        setpriv += ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
    return (*setpriv, "--", *command)


def give_to_ordinary_user(path: Path) -> None:
    """Make `path` the property of the user of `as_ordinary_user`."""
    if os.geteuid() == 0:
        shutil.chown(path, 65534, 65534)


@asynccontextmanager
async def started(*command: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process whose stdout can be read, leader of a group of its own; killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def read_until(process: asyncio.subprocess.Process, text: str) -> list[str]:
    """The lines that the process says up to the one with `text`, that one included."""
    lines: list[str] = []
    assert process.stdout is not None
    async with asyncio.timeout(DEADLINE_SECONDS):
        while line := (await process.stdout.readline()).decode():
            lines.append(line.rstrip("\n"))
            if text in line:
                return lines
    raise AssertionError(f"it never said {text!r}, but: {lines}")


def _is_open_to_all(path: Path) -> bool:
    parents = (*path.absolute().parents, *path.resolve().parents)
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in parents)
