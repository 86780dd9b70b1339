"""Records come in: each stored once, in its tenant's schema, answered when committed."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import grpc
import pytest
from penstock.telemetry.v1.ingest_service_pb2 import StreamBatchesRequest
from penstock.telemetry.v1.query_service_pb2 import ListErrorsRequest, ListHealthRequest, ListRequestsRequest
from penstock.telemetry.v1.record_pb2 import HealthSnapshot

from domain.tenants import TenantId, schema_name
from svckit.ids import uuid7
from tests.telemetrysvc.clients import Clients
from tests.telemetrysvc.records import batch, micros, new_tenant, request


async def stored_paths(collector: Clients, tenant: TenantId) -> list[str]:
    answer = await collector.query.ListRequests(ListRequestsRequest(tenant_id=tenant, page_size=1000))
    return [record.path for record in answer.requests]


async def test_a_batch_is_stored_and_found_again_with_every_field(collector: Clients) -> None:
    tenant = await collector.new_tenant()
    record = request(
        tenant,
        duration_micros=(1 << 32) - 1,
        route="sales",
        service="sales",
        status=201,
        principal_id="p-1",
        consumer="shop",
        credential_id="k-1",
        client_address="10.0.0.1",
        host="api.example.com",
        request_bytes=1,
        response_bytes=1 << 40,
        upstream="127.0.0.1:9001",
        upstream_micros=900,
        config_version=7,
        trace_id=b"t" * 16,
        user_agent="curl/8",
        close_code=4401,
        long_duration_micros=1 << 40,
    )

    (answer,) = await collector.ship(batch([record], sequence=42))

    assert (answer.committed, answer.refused, answer.position.sequence) == (True, 0, 42)
    listed = await collector.query.ListRequests(ListRequestsRequest(tenant_id=tenant))
    assert list(listed.requests) == [record]


async def test_a_batch_that_comes_again_is_stored_once(collector: Clients) -> None:
    tenant = await collector.new_tenant()
    first, second = request(tenant, path="/1"), request(tenant, path="/2", status=500)

    answers = await collector.ship(batch([first, second]), batch([first, second]), batch([second, second]))

    assert all(answer.committed and not answer.refused for answer in answers)
    assert sorted(await stored_paths(collector, tenant)) == ["/1", "/2"]
    assert len((await collector.query.ListErrors(ListErrorsRequest(tenant_id=tenant))).errors) == 1


async def test_batches_of_one_stream_are_answered_in_order(collector: Clients) -> None:
    tenant = await collector.new_tenant()
    answers = await collector.ship(*(batch([request(tenant)], sequence=number) for number in range(1, 60)))
    assert [answer.position.sequence for answer in answers] == list(range(1, 60))


async def test_failures_make_error_events_and_refusals_make_none(collector: Clients) -> None:
    tenant = await collector.new_tenant()
    failed = [
        request(tenant, status=504, code="DOWNSTREAM_TIMEOUT", stage="response", service="sales", request_id="late"),
        request(tenant, status=500, request_id="broken"),
        request(tenant, status=0, stage="body", request_id="aborted"),
    ]
    refused = [request(tenant, status=401, code="KEY_INVALID"), request(tenant, status=429, code="RATE_LIMITED")]

    await collector.ship(batch([*failed, *refused]))

    events = (await collector.query.ListErrors(ListErrorsRequest(tenant_id=tenant))).errors
    assert {(event.request_id, event.status, event.code, event.stage) for event in events} == {
        ("late", 504, "DOWNSTREAM_TIMEOUT", "response"),
        ("broken", 500, "", ""),
        ("aborted", 0, "", "body"),
    }


async def test_health_snapshots_are_kept_as_history(collector: Clients) -> None:
    tenant = await collector.new_tenant()
    snapshot = HealthSnapshot(
        id=uuid7().bytes, tenant_id=UUID(tenant).bytes, service="sales", target="127.0.0.1:9001", reason="refused"
    )
    snapshot.time.FromDatetime(datetime.now(UTC))

    await collector.ship(batch(health=[snapshot]), batch(health=[snapshot]))

    listed = await collector.query.ListHealth(ListHealthRequest(tenant_id=tenant, service="sales"))
    assert list(listed.health) == [snapshot]
    assert not (await collector.query.ListHealth(ListHealthRequest(tenant_id=tenant, service="other"))).health


async def test_a_record_of_an_unknown_tenant_is_refused_and_makes_no_schema(
    collector: Clients, database_url: str
) -> None:
    tenant, stranger = await collector.new_tenant(), new_tenant()

    (answer,) = await collector.ship(batch([request(stranger), request(tenant, path="/kept")]))

    assert (answer.committed, answer.refused) == (True, 1)
    assert await stored_paths(collector, tenant) == ["/kept"]
    connection = await asyncpg.connect(database_url)
    try:
        assert await connection.fetchval("SELECT to_regnamespace($1)", schema_name(stranger)) is None
    finally:
        await connection.close()


async def test_records_without_identity_or_time_are_refused_alone(collector: Clients) -> None:
    tenant = await collector.new_tenant()
    bad = [request(tenant, id=b"short"), request(tenant, start_micros=-1), request(tenant, status=70_000)]

    (answer,) = await collector.ship(batch([*bad, request(tenant, path="/kept")]))

    assert (answer.committed, answer.refused) == (True, 3)
    assert await stored_paths(collector, tenant) == ["/kept"]


async def test_a_record_that_cannot_be_parsed_is_refused_alone(collector: Clients) -> None:
    tenant = await collector.new_tenant()
    sound = batch([request(tenant, path="/kept")], sequence=9).SerializeToString()
    element = b"\x2a\x02\xff\xfe"  # request_id (field 5) that is not UTF-8
    broken = sound + b"\x12" + bytes([len(element)]) + element
    call: Any = (await collector.channels.of("edge")).stream_stream(
        "/penstock.telemetry.v1.IngestService/StreamBatches", None, None
    )()

    await call.write(broken)
    answer = await call.read()
    call.cancel()

    assert answer == b"\x0a\x0d\x0a\x09gw-test/0\x10\x09\x10\x01\x18\x01"  # committed, 1 refused
    assert await stored_paths(collector, tenant) == ["/kept"]


async def test_a_row_that_the_database_refuses_is_found_by_halves_and_refused_alone(
    collector: Clients, database_url: str
) -> None:
    tenant = await collector.new_tenant()
    connection = await asyncpg.connect(database_url)
    try:
        schema = schema_name(tenant)
        await connection.execute(f"ALTER TABLE {schema}.requests ADD CHECK (path <> '/poison')")
    finally:
        await connection.close()
    paths = [f"/{number}" for number in range(30)]
    records = [request(tenant, path=path, status=500) for path in [*paths[:20], "/poison", *paths[20:]]]

    (answer,) = await collector.ship(batch(records))

    assert (answer.committed, answer.refused) == (True, 1)
    assert sorted(await stored_paths(collector, tenant)) == sorted(paths)
    assert len((await collector.query.ListErrors(ListErrorsRequest(tenant_id=tenant))).errors) == len(paths)


async def test_text_is_cut_to_the_bounds_of_the_contract_and_freed_of_nul(collector: Clients) -> None:
    tenant = await collector.new_tenant()
    await collector.ship(batch([request(tenant, path="/" + "ü" * 5000, user_agent="a\0b" * 200)]))

    (record,) = (await collector.query.ListRequests(ListRequestsRequest(tenant_id=tenant))).requests
    assert record.path == "/" + "ü" * 2047
    assert record.user_agent == ("ab" * 200)[:256]


async def test_rows_lie_in_partitions_by_month_and_far_off_ones_in_the_default(
    collector: Clients, database_url: str
) -> None:
    tenant, now = await collector.new_tenant(), datetime.now(UTC)
    moments = [now, now - timedelta(days=40), now - timedelta(days=4000), now + timedelta(days=4000)]

    (answer,) = await collector.ship(batch([request(tenant, start_micros=micros(moment)) for moment in moments]))

    assert (answer.committed, answer.refused) == (True, 0)
    connection = await asyncpg.connect(database_url)
    try:
        table = f"{schema_name(tenant)}.requests"
        rows = await connection.fetch(f"SELECT tableoid::regclass::text AS place FROM {table}")  # noqa: S608
    finally:
        await connection.close()
    places = [row["place"].rpartition(".")[2] for row in rows]
    expected = [f"requests_{moment:%Y%m}" for moment in moments[:2]]
    assert sorted(places) == sorted([*expected, "requests_default", "requests_default"])


async def test_records_of_a_purged_tenant_are_refused(collector: Clients) -> None:
    tenant = await collector.new_tenant()
    await collector.ship(batch([request(tenant)]))
    await collector.purge(tenant)

    (answer,) = await collector.ship(batch([request(tenant)]))

    assert (answer.committed, answer.refused) == (True, 1)


async def test_a_batch_without_a_position_ends_the_stream(collector: Clients) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await collector.ship(StreamBatchesRequest())
    assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_only_an_edge_may_send_records(collector: Clients) -> None:
    call: Any = (await collector.channels.of("admin")).stream_stream(
        "/penstock.telemetry.v1.IngestService/StreamBatches", None, None
    )()
    assert await call.code() is grpc.StatusCode.PERMISSION_DENIED
