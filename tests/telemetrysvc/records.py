"""Records as an edge makes them, and batches of them."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from penstock.telemetry.v1.ingest_service_pb2 import SpoolPosition, StreamBatchesRequest
from penstock.telemetry.v1.record_pb2 import HealthSnapshot, RequestRecord

from domain.tenants import TenantId
from svckit.ids import uuid7

SOURCE = "gw-test/0"


def new_tenant() -> TenantId:
    return TenantId(str(uuid7()))


def micros(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


def request(tenant: TenantId, **fields: Any) -> RequestRecord:
    """A request that was answered with 200 just now, but for `fields`."""
    values: dict[str, Any] = {
        "id": uuid7().bytes,
        "tenant_id": UUID(tenant).bytes,
        "start_micros": micros(datetime.now(UTC)),
        "request_id": "r-1",
        "method": "GET",
        "path": "/",
        "status": 200,
    }
    return RequestRecord(**{**values, **fields})


def batch(
    requests: Iterable[RequestRecord] = (), *, health: Iterable[HealthSnapshot] = (), sequence: int = 1
) -> StreamBatchesRequest:
    return StreamBatchesRequest(
        position=SpoolPosition(source=SOURCE, sequence=sequence), requests=requests, health=health
    )
