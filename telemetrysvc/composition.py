"""What telemetrysvc is built of, and who may call it."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

from penstock.telemetry.v1.provisioning_service_pb2_grpc import add_ProvisioningServiceServicer_to_server
from penstock.telemetry.v1.query_service_pb2_grpc import add_QueryServiceServicer_to_server

from domain.tenants import DEFAULT_TENANT
from svckit.interceptors.identity import MethodTable
from svckit.postgres import open_pool
from svckit.server import Runtime, ServiceSpec
from svckit.switchboard import Mount
from telemetrysvc import ingest
from telemetrysvc.commits import Commits
from telemetrysvc.ingest import IngestMetrics, IngestService
from telemetrysvc.provisioning import ProvisioningService
from telemetrysvc.query import QueryService
from telemetrysvc.settings import TelemetrySettings
from telemetrysvc.tenants import Tenants

_PACKAGE: Final = "/penstock.telemetry.v1."
_READERS: Final = frozenset({"admin", "ctl"})
METHODS: Final[MethodTable] = {
    f"{_PACKAGE}IngestService/StreamBatches": frozenset({"edge"}),
    f"{_PACKAGE}ProvisioningService/ProvisionTenant": frozenset({"configsvc"}),
    f"{_PACKAGE}ProvisioningService/PurgeTenant": frozenset({"configsvc"}),
    f"{_PACKAGE}QueryService/ListRequests": _READERS,
    f"{_PACKAGE}QueryService/ListErrors": _READERS,
    f"{_PACKAGE}QueryService/ListHealth": _READERS,
    f"{_PACKAGE}QueryService/QueryMetrics": _READERS,
}


async def start(stack: AsyncExitStack, runtime: Runtime[TelemetrySettings]) -> Sequence[Mount]:
    """Migrates, opens the way for records of `default`, starts the writers."""
    url, writers = runtime.settings.database_url.get_secret_value(), runtime.settings.writers
    # Two pools: writers' connections speak in octets and microseconds, readers' in UUID and datetime.
    writing = await stack.enter_async_context(
        open_pool(url, application=f"{runtime.name} writer", max_size=writers, statement_timeout_seconds=30.0)
    )
    reading = await stack.enter_async_context(open_pool(url, application=runtime.name))
    tenants = Tenants(reading)
    await tenants.migrate()
    await tenants.provision(DEFAULT_TENANT)  # requests of no tenant are recorded there, before any registration
    commits = Commits(writing, tenants)
    for _ in range(writers):
        runtime.tasks.create_task(commits.write())
    return [
        Mount(ingest.add, IngestService(commits, runtime.drain, IngestMetrics(runtime.registry))),
        Mount(add_ProvisioningServiceServicer_to_server, ProvisioningService(tenants)),
        Mount(add_QueryServiceServicer_to_server, QueryService(reading, tenants)),
    ]


SPEC: Final = ServiceSpec("telemetrysvc", METHODS, start)


async def migrate(settings: TelemetrySettings) -> None:
    """Brings the database to this release and ends."""
    url = settings.database_url.get_secret_value()
    async with open_pool(url, application="telemetrysvc migrate", statement_timeout_seconds=600.0) as pool:
        await Tenants(pool).migrate()
