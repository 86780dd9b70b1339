"""Starts the echo service as a process, and waits for what it does."""

import asyncio
import contextlib
import os
import secrets
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import orjson
from grpc_health.v1 import health_pb2, health_pb2_grpc

from svckit.channels import open_channel, open_stream
from svckit.identity import ProcessIdentity, generate_identity

ROOT = Path(__file__).parents[2]
DEADLINE_SECONDS = 20


@dataclass(frozen=True, slots=True)
class EchoProcess:
    """A started process; `edge` is an identity that it trusts."""

    process: asyncio.subprocess.Process
    environment: Mapping[str, str]
    edge: ProcessIdentity

    @property
    def target(self) -> str:
        return self.environment["PENSTOCK_LISTEN"]

    def channel(self, *, cap_seconds: float = 10.0) -> grpc.aio.Channel:
        return open_channel(self.target, self.edge, "authsvc", cap_seconds=cap_seconds)

    def again(self) -> AbstractAsyncContextManager["EchoProcess"]:
        """A successor with the same settings."""
        return running(self.environment, self.edge)

    async def ended(self) -> tuple[int | None, str]:
        """Its exit code and all that it wrote."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            out, _ = await self.process.communicate()
        return self.process.returncode, out.decode()

    async def until_health(self, status: int) -> None:
        """Returns when the process says `status` for the whole."""
        async with asyncio.timeout(DEADLINE_SECONDS), self.channel() as channel:
            await channel.channel_ready()
            watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
            async with open_stream(watch):
                async for answer in watch:
                    if answer.status == status:
                        return


def make_environment(directory: Path, *, key_of: str = "authsvc", drain_seconds: float = 60) -> dict[str, str]:
    """The variables of a process whose files are in `directory`; makes the files."""
    generate_identity(directory / "own.key", key_of)
    (directory / "trusted.json").write_bytes(
        orjson.dumps({"edge": [generate_identity(directory / "edge.key", "edge")]})
    )
    return {
        "PENSTOCK_LISTEN": f"unix:{directory / 'echo.sock'}",
        "PENSTOCK_IDENTITY_KEY_FILE": str(directory / "own.key"),
        "PENSTOCK_TRUSTED_KEYS_FILE": str(directory / "trusted.json"),
        "PENSTOCK_DRAIN_SECONDS": str(drain_seconds),
    }


@asynccontextmanager
async def echo_process(parent: Path, mode: str, *, drain_seconds: float = 60) -> AsyncIterator[EchoProcess]:
    """Runs the process while entered; what is left of it afterwards is killed."""
    directory = parent / secrets.token_hex(4)
    directory.mkdir()
    environment = make_environment(directory, drain_seconds=drain_seconds)
    edge = ProcessIdentity.load(directory / "edge.key")
    async with running({**environment, "ECHO_MODE": mode}, edge) as echo:
        yield echo


@asynccontextmanager
async def running(environment: Mapping[str, str], edge: ProcessIdentity, *arguments: str) -> AsyncIterator[EchoProcess]:
    """Runs a process with exactly this environment while entered."""
    process = await start_python(environment, *arguments)
    try:
        yield EchoProcess(process, environment, edge)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def start_python(environment: Mapping[str, str], *arguments: str) -> asyncio.subprocess.Process:
    """Starts the echo service with exactly these settings."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.svckit.echo_process", *arguments),
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
