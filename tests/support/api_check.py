"""Asks an HTTP API everything that its own OpenAPI document allows, and things that it does not, by schemathesis."""

import asyncio
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

DEADLINE_SECONDS = 100.0
# What is described may be answered: not served yet, not served now.
SETTINGS = """\
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", "501", "503"]
"""


async def check_api(url: str, folder: Path, *options: str) -> tuple[int | None, str]:
    """The exit code, 0 where no answer is a 500 or other than described, and the report. `url` is the document's;
    what schemathesis keeps is left in `folder`."""
    (folder / "schemathesis.toml").write_text(SETTINGS)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "run", url, "--checks=all", "--no-color"),
        *("--generation-database=none", *options),
        cwd=folder,
        stdout=PIPE,
        stderr=STDOUT,
    )
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            report, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    return process.returncode, report.decode()
