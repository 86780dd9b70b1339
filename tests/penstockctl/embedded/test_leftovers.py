"""Waiting for a former server to be gone."""

import asyncio
import sys
from pathlib import Path

import pytest

from penstockctl.embedded.leftovers import find_users, wait_until_unused
from penstockctl.faults import OperatorError
from tests.penstockctl.processes import read_until, started

PYTHON = frozenset({"python", "python3", Path(sys.executable).resolve().name})


def occupant(folder: Path, last_words: str) -> tuple[str, ...]:
    code = f"import os, sys; os.chdir({str(folder)!r}); print('here', flush=True); {last_words}"
    return (sys.executable, "-c", code)


async def test_it_waits_for_the_process_that_works_there(folder: Path) -> None:
    async with started(*occupant(folder, "sys.stdout.close(); import signal; signal.pause()")) as process:
        await read_until(process, "here")
        assert find_users(folder, PYTHON) == [process.pid]
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(wait_until_unused(folder, PYTHON, 30))
            await asyncio.sleep(0)
            assert not waiting.done()
            process.kill()
        assert find_users(folder, PYTHON) == []


async def test_it_names_the_process_that_stays(folder: Path) -> None:
    async with started(*occupant(folder, "import signal; signal.pause()")) as process:
        await read_until(process, "here")
        with pytest.raises(OperatorError, match=f"Process {process.pid} still runs on"):
            await wait_until_unused(folder, PYTHON, 0.1)


async def test_another_program_in_the_folder_is_no_server(folder: Path) -> None:
    async with started(*occupant(folder, "import signal; signal.pause()")) as process:
        await read_until(process, "here")
        await wait_until_unused(folder, frozenset({"postgres"}), 0.1)
