"""Real gRPC services for tests: the chain of svckit on a Unix socket, with process identities made for the test."""

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from prometheus_client import CollectorRegistry

from svckit import health
from svckit.channels import open_channel
from svckit.drain import Drain
from svckit.identity import ProcessIdentity, TrustedKeys
from svckit.interceptors.chain import chain
from svckit.interceptors.identity import MethodTable
from svckit.message_bounds import bounds_of
from svckit.metrics import RpcMetrics
from svckit.server import listening, service_names
from svckit.switchboard import Mount, Switchboard

PROCESSES = ("edge", "admin", "authsvc", "ratelimitsvc", "configsvc", "telemetrysvc", "ctl")


def make_identities(names: Sequence[str] = PROCESSES) -> tuple[dict[str, ProcessIdentity], TrustedKeys]:
    """An identity for each name, and the set of keys that trusts them all."""
    identities = {name: ProcessIdentity(name, Ed25519PrivateKey.generate()) for name in names}
    return identities, TrustedKeys.parse({name: [each.public_key] for name, each in identities.items()})


@dataclass(frozen=True, slots=True)
class Hosted:
    """A service being served; `target` is its address."""

    name: str
    target: str
    identities: Mapping[str, ProcessIdentity]
    registry: CollectorRegistry
    health: health.Health
    drain: Drain
    stack: AsyncExitStack

    async def channel(self, caller: str | None, *, cap_seconds: float = 10.0) -> grpc.aio.Channel:
        """A channel for the process `caller` (None: without identity), closed with the host."""
        identity = self.identities[caller] if caller else None
        channel = open_channel(self.target, identity, self.name, cap_seconds=cap_seconds)
        return await self.stack.enter_async_context(channel)


@dataclass(frozen=True, slots=True)
class ServiceHost:
    """Serves services in the test's own process and loop. Processes trust each other as `identities` say."""

    socket_dir: Path
    identities: Mapping[str, ProcessIdentity]
    trusted: TrustedKeys
    stack: AsyncExitStack = field(repr=False)

    async def serve(
        self,
        name: str,
        methods: MethodTable,
        mounts: Sequence[Mount],
        *,
        drain: Drain | None = None,
        away: tuple[type[Exception], ...] = (),
        max_calls: int = 100,
    ) -> Hosted:
        """Serves `mounts` as the process `name` until the test ends; give the `drain` that servicers hold."""
        hosted = self._hosted(name, methods, mounts, drain or Drain(), away, max_calls)
        return await self.stack.enter_async_context(hosted)

    @asynccontextmanager
    async def _hosted(
        self,
        name: str,
        methods: MethodTable,
        mounts: Sequence[Mount],
        drain: Drain,
        away: tuple[type[Exception], ...],
        max_calls: int,
    ) -> AsyncIterator[Hosted]:
        registry = CollectorRegistry()
        table = {**methods, **health.METHODS}
        metrics = RpcMetrics(registry)
        interceptors = chain(
            name=name, table=table, trusted=self.trusted, metrics=metrics, away=away, max_calls=max_calls
        )
        switchboard = Switchboard(table, interceptors)
        services = service_names(methods)
        status = health.Health(services, drain)
        switchboard.mount((*health.health_mounts(status, services, drain), *mounts))
        target = f"unix:{self.socket_dir / secrets.token_hex(4)}.sock"
        async with listening(switchboard, [target], bounds_of(name)), AsyncExitStack() as stack:
            status.set_serving(True)
            yield Hosted(name, target, self.identities, registry, status, drain, stack)
            drain.start()


@pytest.fixture
async def service_host(short_dir: Path) -> AsyncIterator[ServiceHost]:
    """Serves gRPC services for the test: `hosted = await service_host.serve(name, methods, mounts)`."""
    identities, trusted = make_identities()
    async with AsyncExitStack() as stack:
        yield ServiceHost(short_dir, identities, trusted, stack)
