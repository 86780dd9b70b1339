"""The echo service as a process of its own, for tests that send real signals. Told to `migrate`, it says that it did.

ECHO_MODE says how it behaves: `serve`; `wait` (its store never answers); `fail` (its start or migration fails);
`crash` (a background loop fails on the first rpc); `stubborn` (its watch does not observe the drain).
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from google.protobuf.wrappers_pb2 import StringValue as Text

from svckit.interceptors.shape import Context
from svckit.server import Runtime, ServiceSpec, serve_or_migrate
from svckit.settings import ProcessSettings
from svckit.switchboard import Mount
from tests.svckit.echo import METHODS, SAY, WATCH, echo_mount


@asynccontextmanager
async def told(name: str) -> Any:
    print(f"{name} opened", flush=True)
    try:
        yield
    finally:
        print(f"{name} closed", flush=True)


async def start(stack: AsyncExitStack, runtime: Runtime[ProcessSettings]) -> Sequence[Mount]:
    mode = os.environ["ECHO_MODE"]
    await stack.enter_async_context(told("store"))
    called = asyncio.Event()

    async def loop() -> None:
        async with told("loop"):
            await called.wait()
            raise ValueError("the loop failed")

    async def say(request: Text, _context: Context) -> Text:
        if mode == "crash":
            called.set()
        if request.value == "hang":
            await asyncio.Event().wait()
        if request.value == "until drained":
            await runtime.drain.wait()
            await asyncio.sleep(0.2)  # work that goes on while the server stops
        return request

    async def watch(request: Text, _context: Context) -> Any:
        yield request
        await (asyncio.Event() if mode == "stubborn" else runtime.drain).wait()

    if mode == "wait":
        await asyncio.Event().wait()
    if mode == "fail":
        raise ValueError("the start failed")
    runtime.tasks.create_task(loop())
    return [echo_mount({SAY: say, WATCH: watch})]


async def migrate(_settings: ProcessSettings) -> None:
    if os.environ["ECHO_MODE"] == "fail":
        raise ValueError("the migration failed")
    print("migrated", flush=True)


if __name__ == "__main__":
    serve_or_migrate(sys.argv[1:], ServiceSpec("authsvc", METHODS, start), ProcessSettings, migrate)
