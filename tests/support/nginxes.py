"""A real nginx on a Unix socket."""

import asyncio
import contextlib
import os
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

DEADLINE_SECONDS = 30
_MAIN = """
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr notice;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {http}
    server {{
        listen unix:{folder}/front;
        {server}
    }}
}}
"""


def nginx_program() -> str:
    """nginx's path; the test is skipped where it is not installed, unless PENSTOCK_TEST_NGINX=required."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        if os.environ.get("PENSTOCK_TEST_NGINX") == "required":
            pytest.fail("nginx is not installed")
        pytest.skip("nginx is not installed")
    return found


@asynccontextmanager
async def running_nginx(folder: Path, http: str, server: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of nginx with this config of its `http` and `server` blocks; `folder` has a short path."""
    own = folder / secrets.token_hex(4)
    own.mkdir()
    config = own / "nginx.conf"
    config.write_text(_MAIN.format(folder=own, http=http, server=server))
    process = await asyncio.create_subprocess_exec(
        *(nginx_program(), "-e", "stderr", "-p", own, "-c", config),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            await _started(process.stderr)
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(process.stderr.read())
            transport = httpx.AsyncHTTPTransport(uds=str(own / "front"))
            async with httpx.AsyncClient(
                transport=transport, timeout=DEADLINE_SECONDS, base_url="http://nginx"
            ) as client:
                yield client
            reading.cancel()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _started(lines: asyncio.StreamReader) -> None:
    """Returns when it listens: it then says by which method it waits for events."""
    log = []
    while line := await lines.readline():
        log.append(line.decode())
        if "event method" in log[-1]:
            return
    raise AssertionError("".join(log))
