"""The management API over faked services on Unix sockets, asked through a real ASGI stack."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from edge.admin.app import build_app
from edge.admin.services import Addresses, open_services
from edge.metrics import render
from edge.tally import Tally
from tests.edge.admin.fakes import OPERATOR, Fakes
from tests.support.services import Hosted, ServiceHost


@dataclass(frozen=True, slots=True)
class World:
    """The API's client and what stands behind it."""

    client: httpx.AsyncClient
    app: ASGIApp
    fakes: Fakes
    hosted: dict[str, Hosted]

    async def ask(
        self,
        method: str,
        path: str,
        token: str | None = OPERATOR,
        *,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> httpx.Response:
        """The answer to one request with the admin token `token`."""
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        return await self.client.request(method, path, headers={**bearer, **(headers or {})}, **options)


def edge_metrics() -> bytes:
    """The counters of a worker that answered one request."""
    tally = Tally()
    tally.request("GET", "/api/v1/sales", 200, 0.01, 0, 10)
    return render([tally])


async def open_world(
    stack: AsyncExitStack,
    host: ServiceHost,
    *,
    away: frozenset[str] = frozenset(),
    caller: str = "admin",
    metrics_public: bool = False,
    forward_auth: str = "",
) -> World:
    """The API as the process `caller`, with all of its services up but those `away`; a network `forward_auth` may have
    requests judged."""
    fakes = Fakes()
    hosted = {name: await host.serve(name, table, mounts) for name, table, mounts in fakes.processes()}
    targets = (
        f"unix:{host.socket_dir}/nobody" if name in away else hosted[name].target
        for name in ("authsvc", "configsvc", "telemetrysvc")
    )
    services = await open_services(stack, Addresses(*targets), host.identities[caller])
    networks = [ip_network(forward_auth)] if forward_auth else []
    app = build_app(services, edge_metrics=edge_metrics, metrics_public=metrics_public, forward_auth_networks=networks)
    transport = httpx.ASGITransport(app)
    client = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://admin.test"))
    return World(client, app, fakes, hosted)


@pytest.fixture
async def world(service_host: ServiceHost) -> AsyncIterator[World]:
    """The API with all of its services up."""
    async with AsyncExitStack() as stack:
        yield await open_world(stack, service_host)
