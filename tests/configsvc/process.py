"""configsvc as a process of its own, at one address from start to start."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

from svckit.channels import open_channel
from svckit.identity import ProcessIdentity, generate_identity

_NAMES = ("configsvc", "edge", "admin")


@dataclass(frozen=True)
class ConfigProcess:
    """How to start configsvc; `target` is where it listens."""

    folder: Path
    target: str
    database_url: str
    # By default nobody is there.
    auth_address: str = "unix:/nobody"
    telemetry_address: str = "unix:/nobody"

    @classmethod
    def prepare(cls, folder: Path, socket_dir: Path, database_url: str) -> "ConfigProcess":
        """Makes keys for configsvc and those who call it."""
        keys = {name: [generate_identity(folder / f"{name}.key", name)] for name in _NAMES}
        (folder / "trusted.json").write_text(json.dumps(keys))
        return cls(folder, f"unix:{socket_dir}/{folder.name[-40:]}.sock", database_url)

    @property
    def env(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PENSTOCK_LISTEN": self.target,
            "PENSTOCK_DATABASE_URL": self.database_url,
            "PENSTOCK_IDENTITY_KEY_FILE": str(self.folder / "configsvc.key"),
            "PENSTOCK_TRUSTED_KEYS_FILE": str(self.folder / "trusted.json"),
            "PENSTOCK_AUTH_ADDRESS": self.auth_address,
            "PENSTOCK_TELEMETRY_ADDRESS": self.telemetry_address,
        }

    def channel(self, caller: str) -> grpc.aio.Channel:
        return open_channel(self.target, ProcessIdentity.load(self.folder / f"{caller}.key"), "configsvc")

    async def spawn(self, *arguments: str) -> asyncio.subprocess.Process:
        with (self.folder / "log").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "configsvc",
                *arguments,
                env=self.env,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
            )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """The process from its start to SIGKILL at the end of the block, unless it has ended before."""
        process = await self.spawn()
        try:
            yield process
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGKILL)
            await process.wait()
