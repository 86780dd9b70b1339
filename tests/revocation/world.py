"""Two replicas of authsvc and four edges, each a process; keys that are revoked while all edges ask about them."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import orjson
from grpc_health.v1 import health_pb2, health_pb2_grpc
from penstock.auth.v1.api_key_service_pb2 import CreateApiKeyRequest, RevokeApiKeyRequest
from penstock.auth.v1.api_key_service_pb2_grpc import ApiKeyServiceStub
from penstock.auth.v1.provisioning_service_pb2 import ProvisionTenantRequest
from penstock.auth.v1.provisioning_service_pb2_grpc import ProvisioningServiceStub

from edge.auth.clocks import steady_seconds
from svckit.channels import open_channel, open_stream
from svckit.encryption import generate_kek
from svckit.identity import ProcessIdentity, generate_identity
from tests.revocation import edge, service
from tests.revocation.history import Report, Revocation
from tests.revocation.relay import Relay

if TYPE_CHECKING:  # a name of the generated stub file only
    from penstock.auth.v1.api_key_service_pb2_grpc import ApiKeyServiceAsyncStub

ROOT: Final = Path(__file__).parents[2]
DEADLINE_SECONDS: Final = 60.0
EDGES: Final = ("edge-0", "edge-1", "edge-2", "edge-3")
TENANTS: Final = 3
UNDER_WAY: Final = 4
IN_FORCE_SECONDS: Final = 120.0
_PROCESSES: Final = ("authsvc", "edge", "admin", "configsvc")


@dataclass(frozen=True, slots=True)
class Terms:
    """How the world is: its leases, how long an await takes at most and an answer is late, and what is wrong in it on
    purpose."""

    lease_seconds: float = 30.0
    in_time_seconds: float = 5.0
    renew_seconds: float = 10.0
    max_stale: int = 1
    delay_seconds: float = 0.02
    late_seconds: float = 0.5
    seed: int = 1
    plant: str = ""


SHORT: Final = Terms(lease_seconds=4.0, in_time_seconds=2.5, renew_seconds=1.0)


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge's process, and its way to authsvc."""

    process: asyncio.subprocess.Process
    relay: Relay

    def stop(self) -> None:
        """As a debugger or a paused machine does."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    async def report(self) -> Report:
        """Ends it; what it did."""
        output, _ = await self.process.communicate(b"")
        told = orjson.loads(output.splitlines()[-1])
        last = {int(key): begun_at for key, begun_at in told.pop("last_admitted").items()}
        return Report(last_admitted=last, **told)


class World:
    """What a story is told with. Keys are known by number; each is revoked once."""

    def __init__(
        self,
        keys: Sequence[tuple[str, str]],
        replicas: Sequence["ApiKeyServiceAsyncStub"],
        edges: Mapping[str, Edge],
    ) -> None:
        self._keys = keys
        self._replicas = replicas
        self._next = 0
        self.edges = edges
        self.revocations: list[Revocation] = []

    async def revoke(self, count: int) -> list[Revocation]:
        """Revokes the next keys, some at a time, at both replicas in turn; what the calls said."""
        numbers, said = iter(range(self._next, self._next + count)), []
        self._next += count

        async def work() -> None:
            for number in numbers:
                said.append(await self._revoke(number))

        async with asyncio.TaskGroup() as tasks:
            for _ in range(UNDER_WAY):
                tasks.create_task(work())
        return said

    async def insist(self, revocations: Sequence[Revocation]) -> None:
        """Calls again until the revocations are in force."""
        for revocation in revocations:
            async with asyncio.timeout(IN_FORCE_SECONDS):
                while revocation.pending:
                    revocation = await self._revoke(revocation.key)

    async def all_follow(self) -> None:
        """Returns when a revocation needs no more than one call, and every edge has acknowledged it."""
        async with asyncio.timeout(IN_FORCE_SECONDS):
            while set((await self.revoke(1))[0].acknowledged) != set(self.edges):
                pass

    async def _revoke(self, number: int) -> Revocation:
        tenant, key = self._keys[number]
        replica = self._replicas[number % len(self._replicas)]
        answer = await replica.RevokeApiKey(RevokeApiKeyRequest(tenant_id=tenant, key_id=key))
        now, wall = steady_seconds(), time.time()
        until = 0.0 if answer.in_force else answer.effective_time.ToNanoseconds() / 1e9 - wall
        said = Revocation(
            number,
            tuple(each.gateway_id for each in answer.acknowledged),
            tuple(each.gateway_id for each in answer.pending),
            now + until,
        )
        assert answer.in_force == (not said.pending)
        self.revocations.append(said)
        return said


@asynccontextmanager
async def world(database_url: str, folder: Path, terms: Terms, keys: int) -> AsyncIterator[World]:
    """Puts it up in `folder`, whose path is short, and takes it down."""
    trusted = {name: [generate_identity(folder / f"{name}.key", name)] for name in _PROCESSES}
    (folder / "trusted.json").write_bytes(orjson.dumps(trusted))
    generate_kek(folder / "kek")
    async with AsyncExitStack() as stack:
        sockets = [folder / f"auth-{each}.sock" for each in range(2)]
        for number, socket in enumerate(sockets):
            await stack.enter_async_context(_replica(database_url, folder, socket, terms, number))

        async def channel(socket: Path, caller: str) -> Any:
            identity = ProcessIdentity.load(folder / f"{caller}.key")
            return await stack.enter_async_context(open_channel(f"unix:{socket}", identity, "authsvc"))

        replicas = [ApiKeyServiceStub(await channel(socket, "admin")) for socket in sockets]
        made = await _keys(ProvisioningServiceStub(await channel(sockets[0], "configsvc")), replicas[0], keys)
        edges = {}
        for number, name in enumerate(EDGES):
            relay, source = Relay(), folder / f"{name}.sock"
            await stack.enter_async_context(relay.leading(source, sockets[number % 2]))
            orders = edge.Orders(
                name=name,
                target=f"unix:{source}",
                identity=str(folder / "edge.key"),
                keys=[secret for _, _, secret in made],
                max_stale=terms.max_stale,
                renew_seconds=terms.renew_seconds,
                delay_seconds=terms.delay_seconds,
                seed=terms.seed * 100 + number,
                plant=terms.plant,
            )
            edges[name] = Edge(await stack.enter_async_context(_edge(orders)), relay)
        yield World([(tenant, key) for tenant, key, _ in made], replicas, edges)


@asynccontextmanager
async def _replica(database_url: str, folder: Path, socket: Path, terms: Terms, number: int) -> AsyncIterator[None]:
    orders = service.Orders(
        lease_seconds=terms.lease_seconds,
        in_time_seconds=terms.in_time_seconds,
        delay_seconds=terms.delay_seconds,
        late_seconds=terms.late_seconds,
        seed=terms.seed * 100 + 50 + number,
        plant=terms.plant,
    )
    environment = {
        "PENSTOCK_LISTEN": f"unix:{socket}",
        "PENSTOCK_DATABASE_URL": database_url,
        "PENSTOCK_KEK_FILE": str(folder / "kek"),
        "PENSTOCK_IDENTITY_KEY_FILE": str(folder / "authsvc.key"),
        "PENSTOCK_TRUSTED_KEYS_FILE": str(folder / "trusted.json"),
    }
    async with _process("tests.revocation.service", orjson.dumps(asdict(orders)).decode(), **environment):
        identity = ProcessIdentity.load(folder / "edge.key")
        async with (
            open_channel(f"unix:{socket}", identity, "authsvc") as opened,
            asyncio.timeout(DEADLINE_SECONDS),
        ):
            await opened.channel_ready()
            watch = health_pb2_grpc.HealthStub(opened).Watch(health_pb2.HealthCheckRequest())
            async with open_stream(watch):
                async for answer in watch:
                    if answer.status == health_pb2.HealthCheckResponse.SERVING:
                        break
        yield


@asynccontextmanager
async def _edge(orders: edge.Orders) -> AsyncIterator[asyncio.subprocess.Process]:
    async with _process("tests.revocation.edge") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(orjson.dumps(asdict(orders)) + b"\n")
        async with asyncio.timeout(DEADLINE_SECONDS):
            assert await process.stdout.readline() == b"ready\n"
        yield process


@asynccontextmanager
async def _process(module: str, *arguments: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Runs a module; what is left of it afterwards is killed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": "proto:.", **environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def _keys(provisioning: Any, keys: "ApiKeyServiceAsyncStub", count: int) -> list[tuple[str, str, str]]:
    """So many keys of some tenants: tenant, id and secret."""
    tenants = [str(uuid4()) for _ in range(TENANTS)]
    for number, tenant in enumerate(tenants):
        await provisioning.ProvisionTenant(
            ProvisionTenantRequest(tenant_id=tenant, short_id=f"Tenant{number:02}", request_id="r")
        )
    made: list[tuple[str, str, str]] = []
    slots = asyncio.Semaphore(UNDER_WAY)

    async def make(tenant: str, number: int) -> None:
        async with slots:
            created = await keys.CreateApiKey(CreateApiKeyRequest(tenant_id=tenant, name=f"key {number}"))
        made.append((tenant, created.key.id, created.secret))

    async with asyncio.TaskGroup() as tasks:
        for number in range(count):
            tasks.create_task(make(tenants[number % TENANTS], number))
    return made
