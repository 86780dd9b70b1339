"""Servers of the limits' counters: the embedded Valkey, and Debian's Redis where it is installed; one or a cluster."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import redis.asyncio as redis

from penstockctl.embedded.binaries import find_valkey
from penstockctl.embedded.child import run_until_left
from penstockctl.gates import RedisAnswers
from penstockctl.spawn import Command
from ratelimitsvc.slots import SLOTS
from ratelimitsvc.topology import ClusterUrl
from tests.support.ports import free_port

HOST = "127.0.0.1"
DEADLINE_SECONDS = 60
OPEN = ClusterUrl("redis", None, (), None)
"""How a server is reached that asks for no password and has no TLS."""
PLAIN: Mapping[str, str] = MappingProxyType({})
"""No options."""


def program(name: str) -> Path | None:
    """The server of that name: `valkey`, or `redis`, which may be missing."""
    if name == "valkey":
        return find_valkey()
    found = shutil.which("redis-server")
    return Path(found) if found else None


@dataclass(frozen=True, slots=True)
class Node:
    """A running server on a port of loopback. `bus` is where the others of its cluster reach it."""

    process: asyncio.subprocess.Process
    port: int
    bus: int
    access: ClusterUrl = OPEN

    @property
    def url(self) -> str:
        return self.access.of((HOST, self.port))

    async def ask(self, *command: str | int) -> Any:
        """The reply to one command, as it came."""
        async with redis.from_url(self.url, protocol=2, retry=None) as client:
            client.response_callbacks.clear()
            return await client.execute_command(*command)  # type: ignore[no-untyped-call]

    async def kill(self) -> None:
        """Ends it by SIGKILL, unless it has ended."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def run_node(
    server: Path, folder: Path, options: Mapping[str, str] = PLAIN, access: ClusterUrl = OPEN
) -> AsyncIterator[Node]:
    """A server with its data in `folder`, and `options` of its configuration (`_` for `-`) besides, which have to fit
    `access`."""
    port, bus = free_port(), free_port()
    own = {"port": str(port), "bind": HOST, "dir": str(folder), "loglevel": "warning", "save": ""}
    if access.scheme == "rediss":
        own |= {"port": "0", "tls_port": str(port)}
    own["repl_diskless_sync_delay"] = "0"  # a replica waits for no other one
    if "cluster_enabled" in options:
        own["cluster_port"] = str(bus)
    argv = [part for name, value in {**own, **options}.items() for part in (f"--{name.replace('_', '-')}", value)]
    _make(folder)
    command, gate = Command((str(server), *argv)), RedisAnswers(access.of((HOST, port)))
    async with run_until_left(server.name, command, gate, folder / "server.log") as process:
        yield Node(process, port, bus, access)


def _make(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


@dataclass(frozen=True, slots=True)
class Cluster:
    """Primaries that share the slots evenly, in their order, and the replicas of the first ones."""

    primaries: Sequence[Node]
    replicas: Sequence[Node]

    @property
    def url(self) -> str:
        scheme, rest = self.primaries[0].url.split("://")
        ports = ",".join(f"{HOST}:{node.port}" for node in self.primaries)
        return f"{scheme}+cluster://{rest.replace(f'{HOST}:{self.primaries[0].port}', ports)}"

    def holder(self, slot: int) -> Node:
        """The primary that was given a slot."""
        return self.primaries[slot * len(self.primaries) // SLOTS]


@asynccontextmanager
async def run_cluster(
    server: Path,
    folder: Path,
    primaries: int = 3,
    replicas: int = 0,
    options: Mapping[str, str] = PLAIN,
    access: ClusterUrl = OPEN,
) -> AsyncIterator[Cluster]:
    """A cluster on loopback that serves all slots. It promotes nobody by itself within the time of a test."""
    options = {**options, "cluster_enabled": "yes", "cluster_node_timeout": "60000"}
    async with AsyncExitStack() as stack:
        nodes = [
            await stack.enter_async_context(run_node(server, folder / str(number), options, access))
            for number in range(primaries + replicas)
        ]
        first = nodes[0]
        for number, node in enumerate(nodes):
            await node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            if number:
                await node.ask("CLUSTER", "MEET", HOST, first.port, first.bus)
            if number < primaries:
                bounds = [-(-SLOTS * edge // primaries) for edge in (number, number + 1)]
                await node.ask("CLUSTER", "ADDSLOTSRANGE", bounds[0], bounds[1] - 1)
        await until(lambda: _all_know(nodes, len(nodes)))
        for primary, replica in zip(nodes, nodes[primaries:], strict=False):
            await replica.ask("CLUSTER", "REPLICATE", (await primary.ask("CLUSTER", "MYID")).decode())
        for replica in nodes[primaries:]:
            await until(partial(replicated, replica))
        await until(lambda: _all_serve(nodes))
        yield Cluster(nodes[:primaries], nodes[primaries:])


async def until(told: Callable[[], Coroutine[Any, Any, bool]]) -> None:
    """Asks until the answer is yes; a server that is another process tells nothing by itself."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            if await told():
                return
            await asyncio.sleep(0.01)


async def replicated(replica: Node) -> bool:
    """Whether a replica has a copy and follows its primary."""
    return b"master_link_status:up" in await replica.ask("INFO", "replication")


async def in_step(primary: Node, replica: Node) -> bool:
    """Whether a replica has all that its primary has written."""
    offsets = [
        (await node.ask("INFO", "replication")).partition(b"master_repl_offset:")[2] for node in (primary, replica)
    ]
    return len({offset.partition(b"\r")[0] for offset in offsets}) == 1


async def _all_know(nodes: Sequence[Node], count: int) -> bool:
    return all([b"cluster_known_nodes:%d\r" % count in await node.ask("CLUSTER", "INFO") for node in nodes])


async def _all_serve(nodes: Sequence[Node]) -> bool:
    return all([b"cluster_state:ok" in await node.ask("CLUSTER", "INFO") for node in nodes])
