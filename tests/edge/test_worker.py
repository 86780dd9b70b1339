"""The edge worker as a process whose services are all away: its start, its log, its signals."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from svckit.identity import generate_identity
from tests.edge.auth.waiting import until

DEADLINE_SECONDS = 30.0


@dataclass
class Worker:
    """A running worker; `stdout` is the reading end of a pipe that a test may leave unread."""

    process: Process
    client: httpx.AsyncClient
    folder: Path
    stdout: int

    async def ready(self) -> httpx.Response:
        return await self.client.get("/readyz")


@asynccontextmanager
async def worker(folder: Path, *, inherited: int | None = None, **settings: str) -> AsyncIterator[Worker]:
    """Runs a worker on a Unix socket's worth of settings until the block is left; killed at the latest then."""
    key, cluster = folder / "edge.key", folder / "cluster.key"
    generate_identity(key, "edge")
    cluster.write_text("k" * 43)
    cluster.chmod(0o600)
    nobody = f"unix:{folder}/nobody"
    environment = {
        "PATH": os.environ["PATH"],
        "PENSTOCK_LISTEN": "127.0.0.1:0",
        "PENSTOCK_IDENTITY_KEY_FILE": str(key),
        "PENSTOCK_CLUSTER_KEY_FILE": str(cluster),
        "PENSTOCK_DATA_DIR": str(folder / "data"),
        "PENSTOCK_RUN_DIR": str(folder / "run"),
        "PENSTOCK_DRAIN_SECONDS": "1",
        **{f"PENSTOCK_{name}_ADDRESS": nobody for name in ("AUTH", "CONFIG", "TELEMETRY", "RATELIMIT")},
        **settings,
    }
    reading, writing = os.pipe()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "edge",
        env=environment,
        stdout=writing,
        stderr=DEVNULL,
        pass_fds=() if inherited is None else (inherited,),
    )
    os.close(writing)
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            port = await asyncio.to_thread(_port, reading)
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10, trust_env=False) as client:
                yield Worker(process, client, folder, reading)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        with suppress(OSError):  # the test closed it
            os.close(reading)


def _port(descriptor: int) -> int:
    """Reads the log up to the line that names the port, octet by octet so that the rest stays in the pipe."""
    line = b""
    while octet := os.read(descriptor, 1):
        line += octet
        if octet == b"\n":
            event = json.loads(line)
            if event["event"] == "serving":
                return int(event["address"][1])
            line = b""
    raise AssertionError("the worker ended before it served")


async def test_without_services_it_lives_is_not_ready_and_ends_clean(tmp_path: Path) -> None:
    async with worker(tmp_path) as edge:
        assert (await edge.client.get("/livez")).status_code == 200
        ready = await edge.ready()
        assert (ready.status_code, ready.json()["status"]) == (503, "not_ready")
        assert (await edge.client.get("/anything")).json()["code"] == "NOT_READY"
        edge.process.terminate()
        assert await edge.process.wait() == 0


async def test_a_supervisor_is_not_told_that_a_worker_is_ready_before_it_is(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with os.fdopen(reading, "rb") as told, os.fdopen(writing, "wb"):
        async with worker(tmp_path, inherited=writing, PENSTOCK_READY_FD=str(writing)) as edge:
            assert (await edge.ready()).status_code == 503
            assert told.read() is None
            edge.process.terminate()
            assert await edge.process.wait() == 0
        assert told.read() is None


async def test_what_is_away_stands_in_the_body_of_readyz(tmp_path: Path) -> None:
    async with worker(tmp_path) as edge:
        feeds: dict[str, dict[str, str]] = {}
        async with asyncio.timeout(DEADLINE_SECONDS):
            while feeds.get("telemetry", {}).get("status") != "degraded":
                feeds = (await edge.ready()).json()["feeds"]
        assert {name: part["status"] for name, part in feeds.items()} == {
            "config": "degraded",
            "auth": "degraded",
            "ratelimit": "degraded",
            "redis": "unknown",
            "telemetry": "degraded",
        }
        answer = await edge.client.get("/health")
        health = answer.json()
        assert (answer.status_code, health["status"], health["services"]) == (503, "unhealthy", {})
        assert health["redis"]["status"] == "unknown"
        assert set(health["feeds"]) == {"config", "auth", "ratelimit", "telemetry"}


async def test_a_log_that_nobody_reads_holds_no_request_up(tmp_path: Path) -> None:
    async with worker(tmp_path) as edge:
        for _ in range(1000):  # their lines are several times what a pipe holds
            assert (await edge.client.get("/livez")).status_code == 200


async def test_a_log_whose_reader_has_gone_ends_nothing(tmp_path: Path) -> None:
    async with worker(tmp_path) as edge:
        os.close(edge.stdout)
        for _ in range(3):
            assert (await edge.client.get("/livez")).status_code == 200
            await until((tmp_path / "run" / "edge-0.metrics.json").exists)
            (tmp_path / "run" / "edge-0.metrics.json").unlink(missing_ok=True)
        edge.process.terminate()
        assert await edge.process.wait() == 0


async def test_a_run_folder_that_cannot_be_made_costs_the_counters_only(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("in the way")
    async with worker(tmp_path) as edge:
        edge.process.send_signal(signal.SIGHUP)
        await asyncio.to_thread(_line_with, edge.stdout, "counters cannot be written")
        assert (await edge.client.get("/livez")).status_code == 200


@pytest.mark.parametrize(
    ("settings", "events"),
    [
        pytest.param({"PENSTOCK_LOG_LEVEL": "debug"}, ["request started", "request"], id="both at DEBUG"),
        pytest.param({}, ["request"], id="the end else"),
        pytest.param({"PENSTOCK_ACCESS_LOG_SAMPLE": "0"}, [], id="none where none is sampled"),
        pytest.param(
            {"PENSTOCK_LOG_LEVEL": "debug", "PENSTOCK_ACCESS_LOG": "false"}, [], id="none where none is wanted"
        ),
    ],
)
async def test_a_request_has_the_lines_that_the_settings_say(
    tmp_path: Path, settings: dict[str, str], events: list[str]
) -> None:
    async with worker(tmp_path, inherited=None, **settings) as edge:
        await edge.client.get("/livez", headers={"X-Request-ID": "mine"})
        edge.process.terminate()
        await edge.process.wait()
        with os.fdopen(os.dup(edge.stdout)) as log:
            lines = [json.loads(line) for line in log]
    assert [line["event"] for line in lines if line.get("request_id") == "mine"] == events


def _line_with(descriptor: int, text: str) -> None:
    seen = b""
    while text.encode() not in seen:
        more = os.read(descriptor, 4096)
        assert more, "the worker ended"
        seen += more


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_a_built_in_endpoint_says_which_methods_it_takes(tmp_path: Path, method: str) -> None:
    async with worker(tmp_path) as edge:
        answer = await edge.client.request(method, "/livez")
        assert (answer.status_code, answer.json()["code"], answer.headers["allow"]) == (
            405,
            "METHOD_NOT_ALLOWED",
            "GET, HEAD",
        )
