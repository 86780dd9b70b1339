"""Starts child processes that cannot outlive us. Never waits for them, never restarts them."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from penstockctl.user_mode import UserMode

_LAUNCH = str(Path(__file__).with_name("launch.py"))


@dataclass(frozen=True, slots=True)
class Command:
    """A program to run, and how it is to be stopped.

    `environment` replaces the parent's, None inherits it. `stop_signal` asks for an orderly end;
    `death_signal` is what the kernel sends when the parent vanishes. `inherited_fds` stay open in the child
    under the same numbers.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str] | None = field(default=None, repr=False)
    user_mode: UserMode = UserMode.PLAIN
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    inherited_fds: tuple[int, ...] = ()


async def spawn(command: Command, output: int | IO[bytes]) -> asyncio.subprocess.Process:
    """Start `command` with stdout and stderr both on `output` (a file, or `asyncio.subprocess.PIPE`).

    The child gets a session of its own, so that Ctrl-C in the terminal reaches the parent alone, which then
    stops its children in order.
    """
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-S",
        _LAUNCH,
        str(int(command.death_signal)),
        str(os.getpid()),
        command.user_mode.value,
        *command.argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=output,
        stderr=asyncio.subprocess.STDOUT,
        env=command.environment,
        pass_fds=command.inherited_fds,
        start_new_session=True,
    )


async def end(child: asyncio.subprocess.Process, stop_signal: signal.Signals, seconds: float) -> bool:
    """Ask the child to stop, kill it when `seconds` are over. True: it went by itself."""
    if child.returncode is not None:
        return True
    _send(child, stop_signal)
    try:
        async with asyncio.timeout(seconds):
            await child.wait()
        return True
    except TimeoutError:
        _send(child, signal.SIGKILL)
        await child.wait()
        return False
    except asyncio.CancelledError:
        _send(child, signal.SIGKILL)
        raise


def _send(child: asyncio.subprocess.Process, number: signal.Signals) -> None:
    try:
        child.send_signal(number)
    except ProcessLookupError:
        return  # it ended between our look and the signal


async def collect(command: Command) -> tuple[int, str]:
    """Run `command` to its end: its exit code and what it said on stdout and stderr together."""
    child = await spawn(command, asyncio.subprocess.PIPE)
    try:
        text, _ = await child.communicate()
        return await child.wait(), text.decode(errors="replace")
    finally:
        await end(child, command.stop_signal, 0)
