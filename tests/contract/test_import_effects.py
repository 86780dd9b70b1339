"""Importing any module of ours starts nothing: no thread, no event loop, no channel, no server, no socket.

gRPC hangs in a process that is forked after it has begun its work (grpc#26634, #41768).
"""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = (
    *("domain", "svckit", "edge", "authsvc", "ratelimitsvc", "configsvc", "telemetrysvc"),
    *("penstockctl", "penstock", "examples", "bench"),
)
SCRIPT = """
import asyncio, gc, importlib, json, os, pkgutil, sys, threading

def modules(name):
    module = importlib.import_module(name)
    yield name
    for each in pkgutil.iter_modules(getattr(module, "__path__", ()), name + "."):
        yield from modules(each.name)

imported = [name for package in sys.argv[1].split(",") for name in modules(package)]
exec(sys.argv[2])

import grpc
begun = (asyncio.AbstractEventLoop, grpc.Channel, grpc.Server, grpc.aio.Channel, grpc.aio.Server)
links = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
files = [os.readlink(link) for link in links if os.path.islink(link)]
print(json.dumps({
    "imported": len(imported),
    "threads": len(os.listdir("/proc/self/task")) - 1,
    "begun": [type(each).__name__ for each in gc.get_objects() if isinstance(each, begun)],
    "files": [file for file in files if file.startswith(("socket:", "anon_inode:"))],
}))
"""


async def effects(packages: Sequence[str], then: str = "") -> dict[str, Any]:
    """What there is in a process that has imported all modules of the packages and done `then`."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SCRIPT, ",".join(packages), then),
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": "proto:."},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    found: dict[str, Any] = json.loads(output)
    return found


async def test_importing_all_modules_starts_nothing() -> None:
    found = await effects(PACKAGES)
    assert found.pop("imported") > 250
    assert found == {"threads": 0, "begun": [], "files": []}


@pytest.mark.parametrize(
    ("then", "seen"),
    [
        (
            "import time; thread = threading.Thread(target=time.sleep, args=(60,), daemon=True); thread.start()",
            "threads",
        ),
        ("loop = asyncio.new_event_loop()", "begun"),
        ("import uvloop; loop = uvloop.new_event_loop()", "begun"),
        ("import grpc; channel = grpc.insecure_channel('unix:/nobody')", "begun"),
        ("import socket; bound = socket.socket()", "files"),
    ],
    ids=["thread", "event loop", "uvloop", "channel", "socket"],
)
async def test_what_is_started_would_be_seen(then: str, seen: str) -> None:
    assert (await effects(["domain"], then))[seen]
