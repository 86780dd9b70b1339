"""What becomes of a process: its exit code, and what it says of a failure."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

import pytest

from svckit.identity import generate_identity

SCRIPT: Final = """
import asyncio, sys
from svckit.encryption import EncryptionError
from svckit.identity import IdentityError
from svckit.rim import run_process
from svckit.secret_files import SecretFileError
from svckit.settings import RimSettings, SettingsError, SettingsFault

async def work(_settings, _output):
    {work}

async def grouped(*errors):
    async def fail(error):
        raise error
    async with asyncio.TaskGroup() as tasks:
        for error in errors:
            tasks.create_task(fail(error))

run_process("mill", RimSettings, work, spoken=(ConnectionError,))
"""


async def ended(folder: Path, work: str, **settings: str) -> tuple[int | None, str, str]:
    """The exit code of a process that does `work`, its log and its standard error."""
    generate_identity(folder / "mill.key", "mill")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", SCRIPT.replace("{work}", work)),
        env={"PATH": os.environ["PATH"], "PENSTOCK_IDENTITY_KEY_FILE": str(folder / "mill.key"), **settings},
        cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(20):
        log, errors = await process.communicate()
    return process.returncode, log.decode(), errors.decode()


async def test_work_that_ends_ends_the_process_with_code_0(tmp_path: Path) -> None:
    assert await ended(tmp_path, "pass") == (0, "", "")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        ("IdentityError('not mine')", "mill: not mine\n"),
        ("EncryptionError('no key')", "mill: no key\n"),
        ("SecretFileError('it is open')", "mill: it is open\n"),
        (
            "SettingsError((SettingsFault('PENSTOCK_X', 'is odd'),))",
            "mill: the settings cannot be used:\nPENSTOCK_X is odd\n",
        ),
    ],
    ids=["identity", "key-encryption key", "secret file", "setting"],
)
@pytest.mark.parametrize("raised", ["raise {}", "await grouped({})"], ids=["by the work", "by a task of it"])
async def test_what_is_at_fault_in_settings_and_files_is_told_in_a_sentence(
    tmp_path: Path, raised: str, error: str, sentence: str
) -> None:
    assert await ended(tmp_path, raised.format(error)) == (2, "", sentence)


async def test_a_failure_that_speaks_for_itself_is_told_in_a_sentence(tmp_path: Path) -> None:
    assert await ended(tmp_path, "raise ConnectionError('the line is cut')") == (1, "", "mill: the line is cut\n")


@pytest.mark.parametrize(
    "work",
    [
        "raise ValueError('a bug')",
        "await grouped(ValueError('a bug'))",
        "await grouped(ConnectionError('a bug'))",
        "await grouped(ValueError('a bug'), IdentityError('not mine'))",
    ],
    ids=["by the work", "by a task", "that speaks, in a task", "and a wrong key"],
)
async def test_any_other_failure_leaves_its_trace_in_the_log(tmp_path: Path, work: str) -> None:
    code, log, errors = await ended(tmp_path, work)

    assert (code, errors) == (1, "")
    assert "ended by a failure" in log
    assert "Traceback" in log
    assert "a bug" in log


async def test_wrong_settings_are_told_before_anything_is_done(tmp_path: Path) -> None:
    code, log, errors = await ended(tmp_path, "print('done')", PENSTOCK_LOG_LEVEL="loud")

    assert (code, log) == (2, "")
    assert errors.startswith("mill: the settings cannot be used:\nPENSTOCK_LOG_LEVEL is not valid")
