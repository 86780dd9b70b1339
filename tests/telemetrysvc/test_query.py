"""Lists of one tenant's records: filters, order, pages, and what is refused."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from penstock.telemetry.v1.query_service_pb2 import (
    ListErrorsRequest,
    ListRequestsRequest,
    QueryMetricsRequest,
)

from domain.tenants import TenantId
from svckit.errors import FieldFault, from_rpc_error
from tests.telemetrysvc.clients import Clients
from tests.telemetrysvc.records import batch, micros, new_tenant, request

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROWS: tuple[dict[str, Any], ...] = (
    {"path": "/api/users", "status": 200, "consumer": "shop", "principal_id": "p-1", "request_id": "r-0"},
    {"path": "/api/users/7", "status": 404, "consumer": "shop", "principal_id": "p-1", "request_id": "r-1"},
    {"path": "/api/users2", "status": 401, "request_id": "r-2"},
    {"path": "/api/%", "status": 503, "consumer": "o'brien", "principal_id": "p-2", "request_id": "r-3"},
    {"path": "/", "status": 0, "request_id": "r-4"},
)


def stamp(moment: datetime) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(moment)
    return made


async def with_rows(collector: Clients) -> TenantId:
    """A tenant with ROWS, a minute apart, the first at NOON."""
    tenant = await collector.new_tenant()
    moments = [micros(NOON + timedelta(minutes=index)) for index in range(len(ROWS))]
    rows = [request(tenant, start_micros=at, **row) for at, row in zip(moments, ROWS, strict=True)]
    await collector.ship(batch(rows))
    return tenant


async def listed(collector: Clients, tenant: TenantId, **filters: Any) -> list[str]:
    answer = await collector.query.ListRequests(ListRequestsRequest(tenant_id=tenant, **filters))
    return [record.request_id for record in answer.requests]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        pytest.param({}, ["r-4", "r-3", "r-2", "r-1", "r-0"], id="all-newest-first"),
        pytest.param({"path": "/api/users"}, ["r-1", "r-0"], id="path-and-those-below"),
        pytest.param({"path": "/api/users/"}, ["r-1", "r-0"], id="path-with-a-slash"),
        pytest.param({"path": "/"}, ["r-4", "r-3", "r-2", "r-1", "r-0"], id="root-has-all-below"),
        pytest.param({"path": "/api/%"}, ["r-3"], id="no-wildcards"),
        pytest.param({"status": "404"}, ["r-1"], id="status"),
        pytest.param({"status": "4xx"}, ["r-2", "r-1"], id="status-group"),
        pytest.param({"status": "0"}, ["r-4"], id="client-gone"),
        pytest.param({"consumer": "shop"}, ["r-1", "r-0"], id="consumer-by-name"),
        pytest.param({"consumer": "p-2"}, ["r-3"], id="consumer-by-id"),
        pytest.param({"consumer": "o'brien"}, ["r-3"], id="quote"),
        pytest.param({"request_id": "r-2"}, ["r-2"], id="request-id"),
        pytest.param({"since": stamp(NOON + timedelta(minutes=3))}, ["r-4", "r-3"], id="since-included"),
        pytest.param({"until": stamp(NOON + timedelta(minutes=1))}, ["r-0"], id="until-excluded"),
        pytest.param({"consumer": "shop", "status": "2xx"}, ["r-0"], id="all-filters-must-match"),
    ],
)
async def test_filters(collector: Clients, filters: dict[str, Any], expected: list[str]) -> None:
    tenant = await with_rows(collector)
    assert await listed(collector, tenant, **filters) == expected


HOSTILE = (
    "' OR true --",
    "'; DROP TABLE requests; --",
    '"',
    "\\",
    "%",
    "$1",
    "{}",
    "{0}",
    "); SELECT 1; --",
    "x' UNION",
)


async def test_no_text_of_a_filter_becomes_part_of_a_statement(collector: Clients) -> None:
    tenant = await with_rows(collector)
    for text in HOSTILE:
        for name in ("path", "consumer", "request_id"):
            assert await listed(collector, tenant, **{name: text}) == []
    assert len(await listed(collector, tenant)) == len(ROWS)


async def pages(collector: Clients, tenant: TenantId, size: int, **filters: Any) -> list[list[str]]:
    found, token = [], ""
    while True:
        wanted = ListRequestsRequest(tenant_id=tenant, page_size=size, page_token=token, **filters)
        answer = await collector.query.ListRequests(wanted)
        found.append([record.request_id for record in answer.requests])
        token = answer.next_page_token
        if not token:
            return found


async def test_pages_hold_every_record_once_even_at_the_same_moment(collector: Clients) -> None:
    tenant = await collector.new_tenant()
    same = [request(tenant, start_micros=micros(NOON), request_id=f"r-{number}") for number in range(25)]
    await collector.ship(batch(same))

    found = await pages(collector, tenant, 10)

    assert [len(page) for page in found] == [10, 10, 5]
    assert sorted(name for page in found for name in page) == sorted(record.request_id for record in same)


async def test_pages_keep_to_their_filters_and_are_not_shifted_by_newer_records(collector: Clients) -> None:
    tenant = await with_rows(collector)
    first = await collector.query.ListRequests(ListRequestsRequest(tenant_id=tenant, page_size=2))
    await collector.ship(batch([request(tenant, request_id="newer")]))

    rest = await listed(collector, tenant, page_size=10, page_token=first.next_page_token)

    assert [record.request_id for record in first.requests] == ["r-4", "r-3"]
    assert rest == ["r-2", "r-1", "r-0"]
    assert await pages(collector, tenant, 1, status="4xx") == [["r-2"], ["r-1"]]


async def test_a_page_that_is_just_full_is_the_last(collector: Clients) -> None:
    tenant = await with_rows(collector)
    assert len(await pages(collector, tenant, len(ROWS))) == 1


async def test_error_events_come_newest_first_in_pages(collector: Clients) -> None:
    tenant = await collector.new_tenant()
    moments = [micros(NOON + timedelta(seconds=number)) for number in range(5)]
    rows = [request(tenant, start_micros=at, status=500, request_id=f"r-{at}") for at in moments]
    await collector.ship(batch(rows))

    first = await collector.query.ListErrors(ListErrorsRequest(tenant_id=tenant, page_size=3))
    rest = await collector.query.ListErrors(
        ListErrorsRequest(tenant_id=tenant, page_size=3, page_token=first.next_page_token)
    )

    assert [event.request_id for event in (*first.errors, *rest.errors)] == [f"r-{at}" for at in reversed(moments)]
    assert rest.next_page_token == ""


async def faults_of(collector: Clients, **fields: Any) -> tuple[grpc.StatusCode, Sequence[FieldFault]]:
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await collector.query.ListRequests(ListRequestsRequest(**fields))
    return refusal.value.code(), from_rpc_error(refusal.value).fields


async def test_everything_wrong_with_a_request_is_told_at_once(collector: Clients) -> None:
    code, faults = await faults_of(
        collector,
        tenant_id="not-a-uuid",
        path="/" * 3000,
        status="4x",
        consumer="a\0b",
        since=Timestamp(seconds=-5),
        page_size=1001,
        page_token="!",
    )
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert {fault.path for fault in faults} == {
        "tenant_id", "path", "status", "consumer", "since", "page_size", "page_token"
    }  # fmt: skip


async def test_a_page_token_of_other_filters_or_another_tenant_is_refused(collector: Clients) -> None:
    tenant, other = await with_rows(collector), await with_rows(collector)
    answer = await collector.query.ListRequests(ListRequestsRequest(tenant_id=tenant, page_size=1))
    token = answer.next_page_token
    for fields in ({"tenant_id": tenant, "status": "4xx"}, {"tenant_id": other}):
        code, faults = await faults_of(collector, page_token=token, **fields)
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert [fault.path for fault in faults] == ["page_token"]


async def test_a_tenant_that_is_not_provisioned_is_not_found(collector: Clients) -> None:
    code, _faults = await faults_of(collector, tenant_id=new_tenant())
    assert code is grpc.StatusCode.NOT_FOUND


async def test_metrics_are_refused_openly(collector: Clients) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await collector.query.QueryMetrics(QueryMetricsRequest(tenant_id=new_tenant()))
    assert refusal.value.code() is grpc.StatusCode.UNIMPLEMENTED
