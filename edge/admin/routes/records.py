"""What happened in one tenant: requests, errors, health, traffic."""

from typing import Annotated

from fastapi import Query
from google.protobuf.duration_pb2 import Duration
from penstock.telemetry.v1 import query_service_pb2 as pb2

from edge.admin.admission import Called, Entered
from edge.admin.models.records import (
    ErrorEvent,
    HealthFilters,
    HealthSnapshot,
    LogFilters,
    Logged,
    MetricsFilters,
    TrafficPoint,
    Window,
)
from edge.admin.models.shapes import Page
from edge.admin.models.times import stamp_of


async def list_logs(tenant: Entered, services: Called, filters: Annotated[LogFilters, Query()]) -> Page[Logged]:
    """List requests, newest first."""
    answer = await services.records.ListRequests(
        pb2.ListRequestsRequest(
            tenant_id=tenant.id,
            since=stamp_of(filters.since),
            until=stamp_of(filters.until),
            path=filters.path,
            status=filters.status,
            consumer=filters.consumer,
            request_id=filters.request_id or "",
            page_size=filters.limit,
            page_token=filters.cursor,
        )
    )
    return Page(items=[Logged.of(each) for each in answer.requests], next_cursor=answer.next_page_token or None)


async def list_errors(tenant: Entered, services: Called, window: Annotated[Window, Query()]) -> Page[ErrorEvent]:
    """List error events, newest first."""
    answer = await services.records.ListErrors(
        pb2.ListErrorsRequest(
            tenant_id=tenant.id,
            since=stamp_of(window.since),
            until=stamp_of(window.until),
            page_size=window.limit,
            page_token=window.cursor,
        )
    )
    return Page(items=[ErrorEvent.of(each) for each in answer.errors], next_cursor=answer.next_page_token or None)


async def list_health(
    tenant: Entered, services: Called, filters: Annotated[HealthFilters, Query()]
) -> Page[HealthSnapshot]:
    """List the history of upstream health, newest first."""
    answer = await services.records.ListHealth(
        pb2.ListHealthRequest(
            tenant_id=tenant.id,
            service=filters.service,
            since=stamp_of(filters.since),
            until=stamp_of(filters.until),
            page_size=filters.limit,
            page_token=filters.cursor,
        )
    )
    items = [HealthSnapshot.of(each) for each in answer.health]
    return Page(items=items, next_cursor=answer.next_page_token or None)


async def sum_traffic(
    tenant: Entered, services: Called, filters: Annotated[MetricsFilters, Query()]
) -> Page[TrafficPoint]:
    """Sum up traffic per interval and route."""
    answer = await services.records.QueryMetrics(
        pb2.QueryMetricsRequest(
            tenant_id=tenant.id,
            since=stamp_of(filters.since),
            until=stamp_of(filters.until),
            interval=Duration(seconds=filters.interval_minutes * 60),
        )
    )
    return Page(items=[TrafficPoint.of(each) for each in answer.points], next_cursor=None)
