"""Runs ratelimitsvc as a process, for its own tests and for those of its clients."""

import asyncio
import contextlib
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import orjson
from grpc_health.v1 import health_pb2, health_pb2_grpc

from svckit.channels import open_channel, open_stream
from svckit.identity import ProcessIdentity, generate_identity

ROOT = Path(__file__).parents[2]
DEADLINE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class RateLimitProcess:
    """A started process; `edge` is an identity that it trusts."""

    process: asyncio.subprocess.Process
    target: str
    edge: ProcessIdentity

    def channel(self) -> grpc.aio.Channel:
        return open_channel(self.target, self.edge, "ratelimitsvc")

    async def until_health(self, status: int) -> None:
        """Returns when the process says `status` for the whole."""
        async with asyncio.timeout(DEADLINE_SECONDS), self.channel() as channel:
            await channel.channel_ready()
            watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
            async with open_stream(watch):
                async for answer in watch:
                    if answer.status == status:
                        return

    async def serving(self) -> None:
        await self.until_health(health_pb2.HealthCheckResponse.SERVING)

    async def ended(self) -> tuple[int | None, str]:
        """Its exit code and all that it wrote."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            out, _ = await self.process.communicate()
        return self.process.returncode, out.decode()


@asynccontextmanager
async def rate_limit_process(parent: Path, redis_url: str, **variables: str) -> AsyncIterator[RateLimitProcess]:
    """Runs the process while entered; what is left of it afterwards is killed. `parent` has a short path."""
    directory = parent / secrets.token_hex(4)
    directory.mkdir()
    trusted = {name: [generate_identity(directory / f"{name}.key", name)] for name in ("edge", "ratelimitsvc")}
    (directory / "trusted.json").write_bytes(orjson.dumps(trusted))
    target = f"unix:{directory / 'rl.sock'}"
    environment = {
        "PATH": os.environ["PATH"],
        "PENSTOCK_LISTEN": target,
        "PENSTOCK_IDENTITY_KEY_FILE": str(directory / "ratelimitsvc.key"),
        "PENSTOCK_TRUSTED_KEYS_FILE": str(directory / "trusted.json"),
        "PENSTOCK_REDIS_URL": redis_url,
        **variables,
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ratelimitsvc"),
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield RateLimitProcess(process, target, ProcessIdentity.load(directory / "edge.key"))
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
            process.kill()
        await process.communicate()
