"""QueryService: reads one tenant's records, under that tenant's role, in a transaction that cannot write."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from uuid import UUID

import asyncpg
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from penstock.errors.v1 import error_reason_pb2 as reasons
from penstock.telemetry.v1 import query_service_pb2 as messages
from penstock.telemetry.v1.query_service_pb2_grpc import QueryServiceServicer
from penstock.telemetry.v1.record_pb2 import HealthSnapshot, RequestRecord

from domain.tenants import TenantId, schema_name
from svckit.errors import Fault
from svckit.interceptors.shape import Context
from telemetrysvc.batches import REQUEST_COLUMNS
from telemetrysvc.checks import Checks
from telemetrysvc.pages import Place, read_token, to_micros, write_token
from telemetrysvc.selects import (
    RequestFilter,
    Span,
    Statement,
    select_errors,
    select_health,
    select_requests,
)
from telemetrysvc.tenants import Tenants

_AS_THEY_ARE: Final = tuple(column for column in REQUEST_COLUMNS if column not in ("id", "start_time"))
_LONGEST_MICROS: Final = (1 << 32) - 1
Listing = messages.ListRequestsRequest | messages.ListErrorsRequest | messages.ListHealthRequest
M = TypeVar("M", bound=Message)


class QueryService(QueryServiceServicer):
    """`pool` yields plain asyncpg connections, with PostgreSQL's own types."""

    def __init__(self, pool: Any, tenants: Tenants) -> None:
        self._pool: Final = pool
        self._tenants: Final = tenants

    async def ListRequests(
        self, request: messages.ListRequestsRequest, _context: Context
    ) -> messages.ListRequestsResponse:
        checks = Checks()
        tenant, span, after, size = _common(checks, request)
        wanted = RequestFilter(
            span,
            path=checks.text("path", request.path, 2048),
            status=checks.status(request.status),
            consumer=checks.text("consumer", request.consumer, 256),
            request_id=checks.text("request_id", request.request_id, 128),
        )
        checks.done()
        rows = await self._fetch(tenant, lambda schema: select_requests(schema, wanted, after, size + 1))
        return messages.ListRequestsResponse(
            requests=[_request(tenant, row) for row in rows[:size]],
            next_page_token=_next_token(request, rows, size, "start_time"),
        )

    async def ListErrors(self, request: messages.ListErrorsRequest, _context: Context) -> messages.ListErrorsResponse:
        checks = Checks()
        tenant, span, after, size = _common(checks, request)
        checks.done()
        rows = await self._fetch(tenant, lambda schema: select_errors(schema, span, after, size + 1))
        return messages.ListErrorsResponse(
            errors=[_error(row) for row in rows[:size]], next_page_token=_next_token(request, rows, size, "time")
        )

    async def ListHealth(self, request: messages.ListHealthRequest, _context: Context) -> messages.ListHealthResponse:
        checks = Checks()
        tenant, span, after, size = _common(checks, request)
        service = checks.text("service", request.service, 256)
        checks.done()
        rows = await self._fetch(tenant, lambda schema: select_health(schema, service, span, after, size + 1))
        return messages.ListHealthResponse(
            health=[_health(tenant, row) for row in rows[:size]],
            next_page_token=_next_token(request, rows, size, "time"),
        )

    async def QueryMetrics(
        self, _request: messages.QueryMetricsRequest, _context: Context
    ) -> messages.QueryMetricsResponse:
        raise Fault(reasons.ERROR_REASON_UNIMPLEMENTED, "There are no rollups yet to sum up.")

    async def _fetch(self, tenant: TenantId, statement_in: Callable[[str], Statement]) -> Sequence[Any]:
        if await self._tenants.schema_of(UUID(tenant).bytes) is None:
            raise Fault(reasons.ERROR_REASON_NOT_FOUND, "The tenant is not provisioned.")
        statement = statement_in(schema_name(tenant))
        try:
            async with self._pool.acquire() as connection, connection.transaction(readonly=True):
                await connection.execute(f'SET LOCAL ROLE "{self._tenants.role_of(tenant)}"')
                rows: Sequence[Any] = await connection.fetch(statement.sql, *statement.arguments)
                return rows
        except (asyncpg.UndefinedTableError, asyncpg.UndefinedObjectError):
            self._tenants.forget(schema_name(tenant))
            raise Fault(reasons.ERROR_REASON_NOT_FOUND, "The tenant is not provisioned.") from None
        except asyncpg.QueryCanceledError:
            raise Fault(reasons.ERROR_REASON_DEADLINE_EXCEEDED, "The list takes too long: narrow the time.") from None


def _common(checks: Checks, request: Listing) -> tuple[TenantId, Span, Place | None, int]:
    span = Span(
        checks.bound("since", request.HasField("since"), request.since),
        checks.bound("until", request.HasField("until"), request.until),
    )
    after = checks.token(request.page_token, lambda text: read_token(text, _filters(request)))
    return checks.tenant(request.tenant_id), span, after, checks.page_size(request.page_size)


def _filters(request: Listing) -> bytes:
    """What a page token is bound to: the request without its page."""
    bare = type(request)()
    bare.CopyFrom(request)  # type: ignore[arg-type]
    bare.ClearField("page_token")
    bare.ClearField("page_size")
    return bare.SerializeToString(deterministic=True)


def _next_token(request: Listing, rows: Sequence[Any], size: int, time: str) -> str:
    if len(rows) <= size:
        return ""
    last = rows[size - 1]
    return write_token(Place(last[time], last["id"]), _filters(request))


def _request(tenant: TenantId, row: Any) -> RequestRecord:
    values = {column: row[column] for column in _AS_THEY_ARE}
    if values["duration_micros"] > _LONGEST_MICROS:
        values |= {"duration_micros": _LONGEST_MICROS, "long_duration_micros": row["duration_micros"]}
    return RequestRecord(
        id=row["id"].bytes, tenant_id=UUID(tenant).bytes, start_micros=to_micros(row["start_time"]), **values
    )


def _error(row: Any) -> messages.ErrorEvent:
    values = {
        column: row[column] for column in ("request_id", "code", "status", "service", "route", "stage", "upstream")
    }
    return messages.ErrorEvent(id=row["id"].bytes, time=_timestamp(row["time"]), **values)


def _health(tenant: TenantId, row: Any) -> HealthSnapshot:
    values = {column: row[column] for column in ("service", "target", "healthy", "reason", "duration_micros")}
    return HealthSnapshot(id=row["id"].bytes, tenant_id=UUID(tenant).bytes, time=_timestamp(row["time"]), **values)


def _timestamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment.astimezone(UTC))
    return stamp
