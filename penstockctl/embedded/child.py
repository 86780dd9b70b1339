"""Runs one embedded server for as long as a context lasts. Never restarts it (the supervisor does that)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from penstockctl.faults import OperatorError
from penstockctl.gates import Gate, wait_until_open
from penstockctl.spawn import Command, end, spawn

_START_SECONDS = 60.0
_STOP_SECONDS = 20.0


@asynccontextmanager
async def run_until_left(
    name: str, command: Command, gate: Gate, log_file: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start, wait for the gate, stop at the end. OperatorError: it ended or stayed silent."""
    with log_file.open("ab") as output:
        child = await spawn(command, output)
    try:
        await _wait_for_gate(name, child, gate, log_file)
        yield child
    finally:
        await end(child, command.stop_signal, _STOP_SECONDS)


async def _wait_for_gate(name: str, child: asyncio.subprocess.Process, gate: Gate, log_file: Path) -> None:
    try:
        async with asyncio.timeout(_START_SECONDS):
            opened = await wait_until_open(gate, lambda: child.returncode is None)
    except TimeoutError:
        raise OperatorError(f"{name} did not answer in {_START_SECONDS:.0f} s, see {log_file}.") from None
    if not opened:
        raise OperatorError(f"{name} ended at once (exit code {child.returncode}), see {log_file}.")
