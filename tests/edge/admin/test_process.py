"""The management process as a process: its start, its signals, its wire."""

import asyncio
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from svckit.identity import generate_identity

DEADLINE_SECONDS = 30.0


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Settings of a process whose services are all away, listening on a port of its own."""
    key = tmp_path / "admin.key"
    generate_identity(key, "admin")
    nobody = f"unix:{tmp_path}/nobody"
    return {
        "PENSTOCK_ADMIN_LISTEN": "127.0.0.1:0",
        "PENSTOCK_IDENTITY_KEY_FILE": str(key),
        "PENSTOCK_RUN_DIR": str(tmp_path),
        "PENSTOCK_DRAIN_SECONDS": "1",
        **{f"PENSTOCK_{name}_ADDRESS": nobody for name in ("AUTH", "CONFIG", "TELEMETRY")},
    }


async def started(environment: Mapping[str, str]) -> Process:
    environment = {"PATH": os.environ["PATH"], **environment}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "edge.admin", env=environment, stdout=PIPE, stderr=PIPE
    )


@asynccontextmanager
async def running(environment: Mapping[str, str]) -> AsyncIterator[tuple[Process, int]]:
    """The process and its port, once it listens; killed at the latest on the way out."""
    process = await started(environment)
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            yield process, await _port(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def _port(process: Process) -> int:
    assert process.stdout is not None
    async for line in process.stdout:
        event = json.loads(line)
        if event["event"] == "listening":
            return int(event["addresses"][0].rpartition(",")[2].strip(" )"))
    raise AssertionError("the process ended before it listened")


async def exchanged(port: int, data: bytes) -> bytes:
    """What the process answers to raw bytes until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_serves_with_every_service_away_and_ends_clean_on_a_signal(
    environment: dict[str, str], number: signal.Signals
) -> None:
    async with (
        running(environment) as (process, port),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        assert (await client.get("/livez")).status_code == 200
        assert (await client.get("/readyz")).json()["code"] == "UNAVAILABLE"
        process.send_signal(number)
        _, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")


async def test_an_open_connection_does_not_hold_the_end_up(environment: dict[str, str]) -> None:
    async with running(environment) as (process, port):
        _, idle = await asyncio.open_connection("127.0.0.1", port)
        _, half = await asyncio.open_connection("127.0.0.1", port)
        half.write(b"GET /livez HT")
        process.terminate()
        await process.communicate()
        for each in (idle, half):
            each.close()
    assert process.returncode == 0


@pytest.mark.parametrize(
    "sent",
    [
        b"NONSENSE\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 100_000,
        b"POST /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"POST /admin/v1/tenants HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
    ],
    ids=["no request line", "no host", "endless header", "broken chunk", "broken length"],
)
async def test_what_is_not_http_is_refused_as_a_problem_and_the_connection_closed(
    environment: dict[str, str], sent: bytes
) -> None:
    async with running(environment) as (_, port):
        head, _, body = (await exchanged(port, sent)).partition(b"\r\n\r\n")
    assert head.startswith((b"HTTP/1.1 400", b"HTTP/1.1 405"))
    assert b"content-type: application/problem+json" in head.lower()
    assert b"x-content-type-options: nosniff" in head.lower()
    assert json.loads(body)["request_id"].encode() in head


async def test_a_body_that_is_framed_twice_is_refused(environment: dict[str, str]) -> None:
    sent = (
        b"POST /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\n\r\nGET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
    )
    async with running(environment) as (_, port):
        answers = await exchanged(port, sent)
    assert answers.count(b"HTTP/1.1 ") == 1
    assert answers.startswith(b"HTTP/1.1 400")


async def test_a_refused_body_is_not_read_to_its_end_and_the_answer_is(environment: dict[str, str]) -> None:
    head = b"PUT /admin/v1/tenants/a/config HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n"
    async with running(environment) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head + bytes(100_000))
        answer = await reader.read()
        writer.close()
    assert answer.startswith((b"HTTP/1.1 401", b"HTTP/1.1 413"))
    assert b"connection: close" in answer.lower()


async def test_a_taken_port_is_told_in_one_sentence(environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        process = await started({**environment, "PENSTOCK_ADMIN_LISTEN": address})
        _, errors = await process.communicate()
    assert (process.returncode, errors.decode()) == (1, f"admin: cannot listen on {address}: Address already in use\n")


async def test_wrong_settings_are_told_all_at_once(environment: dict[str, str]) -> None:
    environment |= {"PENSTOCK_METRICS_PUBLIC": "perhaps", "PENSTOCK_LOG_LEVEL": "loud"}
    del environment["PENSTOCK_RUN_DIR"]
    process = await started(environment)
    _, errors = await process.communicate()
    assert process.returncode == 2
    for name in ("PENSTOCK_METRICS_PUBLIC", "PENSTOCK_LOG_LEVEL", "PENSTOCK_RUN_DIR"):
        assert name in errors.decode()


async def test_another_processs_key_is_not_taken(environment: dict[str, str], tmp_path: Path) -> None:
    generate_identity(tmp_path / "edge.key", "edge")
    process = await started({**environment, "PENSTOCK_IDENTITY_KEY_FILE": str(tmp_path / "edge.key")})
    _, errors = await process.communicate()
    assert process.returncode == 2
    assert b"is the key of edge, not of admin" in errors


async def test_it_listens_on_a_unix_socket_too(environment: dict[str, str], short_dir: Path) -> None:
    path = short_dir / "admin.sock"
    process = await started({**environment, "PENSTOCK_ADMIN_LISTEN": f"unix:{path}"})
    try:
        assert process.stdout is not None
        async for line in process.stdout:
            if json.loads(line)["event"] == "listening":
                break
        transport = httpx.AsyncHTTPTransport(uds=str(path))
        async with httpx.AsyncClient(transport=transport, base_url="http://admin") as client:
            assert (await client.get("/livez")).status_code == 200
        assert path.stat().st_mode & 0o777 == 0o600
    finally:
        process.terminate()
        await process.communicate()
    assert process.returncode == 0
