"""PostgreSQL goes away and comes back: nothing is acknowledged meanwhile, nothing is lost."""

from pathlib import Path

from penstock.telemetry.v1.query_service_pb2 import ListRequestsRequest

from penstockctl.embedded.postgres import run_postgres
from tests.support.services import ServiceHost
from tests.telemetrysvc.clients import Clients, open_clients
from tests.telemetrysvc.collectors import running_collector
from tests.telemetrysvc.records import batch, request


async def test_batches_are_returned_while_the_store_is_away_and_taken_when_it_is_back(
    short_dir: Path, service_host: ServiceHost
) -> None:
    data, sockets = short_dir / "away", short_dir / "aways"
    async with run_postgres(data, sockets) as server:
        url = server.admin_url
        collector = running_collector(service_host, url)
        clients: Clients = await open_clients(await collector.__aenter__())
        tenant = await clients.new_tenant()
        record = request(tenant, path="/kept")
        (before,) = await clients.ship(batch([request(tenant, path="/before")]))

    record = request(tenant, path="/kept")
    try:
        (away,) = await clients.ship(batch([record], sequence=2))
        async with run_postgres(data, sockets):
            (back,) = await clients.ship(batch([record], sequence=2))
            listed = await clients.query.ListRequests(ListRequestsRequest(tenant_id=tenant))
            assert [each.path for each in listed.requests] == ["/kept", "/before"]
    finally:
        await collector.__aexit__(None, None, None)

    assert (before.committed, away.committed, back.committed) == (True, False, True)
    assert (away.position.sequence, away.refused) == (2, 0)
