"""Waits until nobody works in a server's data folder any more: after a kill of the parent the old server
needs a moment to end, and two servers on one folder destroy it (or delete each other's socket)."""

import asyncio
import os
from pathlib import Path

from penstockctl.faults import OperatorError


def find_users(folder: Path, programs: frozenset[str]) -> list[int]:
    """Ids of the processes named in `programs` whose working folder is `folder`: where a server goes to work.

    Empty where there is no /proc; there the servers' own lock files have to do.
    """
    wanted = str(folder.resolve())
    return [
        int(entry) for entry in _process_ids() if _working_folder(entry) == wanted and _program_name(entry) in programs
    ]


async def wait_until_unused(folder: Path, programs: frozenset[str], seconds: float) -> None:
    """Raises OperatorError when a process still uses `folder` after `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            while users := find_users(folder, programs):  # noqa: ASYNC110 - another program's end is no event
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise OperatorError(f"Process {users[0]} still runs on {folder}: stop it, or use another --data-dir.") from None


def _process_ids() -> list[str]:
    try:
        return [name for name in os.listdir("/proc") if name.isdigit()]
    except FileNotFoundError:
        return []


def _working_folder(process_id: str) -> str | None:
    try:
        return os.readlink(f"/proc/{process_id}/cwd")
    except OSError:
        return None  # gone meanwhile, or another user's


def _program_name(process_id: str) -> str | None:
    try:
        return Path(f"/proc/{process_id}/comm").read_text().strip()
    except OSError:
        return None
