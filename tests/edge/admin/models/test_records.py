"""What happened, as the API shows it: null for what is not known, milliseconds for durations."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from penstock.telemetry.v1 import query_service_pb2 as pb
from penstock.telemetry.v1 import record_pb2
from pydantic import BaseModel, ValidationError

from edge.admin.models.records import (
    ErrorEvent,
    HealthFilters,
    HealthSnapshot,
    LogFilters,
    Logged,
    MetricsFilters,
    TrafficPoint,
)
from tests.edge.admin.fakes import ACME

ID = UUID(ACME)
AT = Timestamp(seconds=1)
FIRST = datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)


def test_a_whole_request() -> None:
    record = record_pb2.RequestRecord(
        id=ID.bytes,
        start_micros=1_000_000,
        duration_micros=1_500,
        request_id="r-1",
        method="GET",
        path="/a",
        route="list",
        service="sales",
        status=504,
        code="DOWNSTREAM_TIMEOUT",
        principal_id="c-1",
        consumer="shop",
        credential_id="KeyKey01",
        client_address="192.0.2.7",
        host="a.test",
        request_bytes=5,
        response_bytes=9,
        upstream="127.0.0.1:1",
        upstream_micros=250,
        config_version=7,
        trace_id=b"\x00\xff",
        stage="connect",
        user_agent="curl/8",
        close_code=1000,
    )
    assert Logged.of(record).model_dump() == {
        "id": ACME,
        "time": FIRST,
        "duration_ms": 1.5,
        "request_id": "r-1",
        "method": "GET",
        "path": "/a",
        "route": "list",
        "service": "sales",
        "status": 504,
        "code": "DOWNSTREAM_TIMEOUT",
        "principal_id": "c-1",
        "consumer": "shop",
        "credential_id": "KeyKey01",
        "client_address": "192.0.2.7",
        "host": "a.test",
        "request_bytes": 5,
        "response_bytes": 9,
        "upstream": "127.0.0.1:1",
        "upstream_ms": 0.25,
        "config_version": 7,
        "trace_id": "00ff",
        "stage": "connect",
        "user_agent": "curl/8",
        "close_code": 1000,
    }


def test_of_a_request_that_was_not_let_in_what_is_not_known_is_null() -> None:
    shown = Logged.of(record_pb2.RequestRecord(id=ID.bytes)).model_dump()
    told = {name for name, value in shown.items() if value is not None}
    assert told == {
        "id",
        "time",
        "duration_ms",
        "request_id",
        "method",
        "path",
        "status",
        "request_bytes",
        "response_bytes",
        "config_version",
    }


@pytest.mark.parametrize(
    ("upstream", "milliseconds"),
    [pytest.param("127.0.0.1:1", 0.0, id="an upstream in no time"), pytest.param("", None, id="no upstream")],
)
def test_no_time_at_an_upstream_is_told_from_no_upstream(upstream: str, milliseconds: float | None) -> None:
    assert Logged.of(record_pb2.RequestRecord(id=ID.bytes, upstream=upstream)).upstream_ms == milliseconds


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        pytest.param(ID.bytes, ACME, id="a UUID"),
        pytest.param(b"\x01\xff", "01ff", id="another length"),
        pytest.param(b"", "", id="none"),
    ],
)
def test_whatever_octets_an_id_has_it_can_be_shown(raw: bytes, shown: str) -> None:
    assert Logged.of(record_pb2.RequestRecord(id=raw)).id == shown


def test_an_error() -> None:
    event = pb.ErrorEvent(
        id=ID.bytes,
        time=AT,
        request_id="r-1",
        code="DOWNSTREAM_RESET",
        status=502,
        service="sales",
        route="list",
        stage="body",
        upstream="127.0.0.1:1",
    )
    assert ErrorEvent.of(event) == ErrorEvent(
        id=ACME,
        time=FIRST,
        request_id="r-1",
        code="DOWNSTREAM_RESET",
        status=502,
        service="sales",
        route="list",
        stage="body",
        upstream="127.0.0.1:1",
    )


def test_an_upstreams_own_error_has_no_code_of_ours() -> None:
    shown = ErrorEvent.of(pb.ErrorEvent(id=ID.bytes, status=500)).model_dump()
    assert [name for name, value in shown.items() if value is None] == [
        "time",
        "code",
        "service",
        "route",
        "stage",
        "upstream",
    ]


@pytest.mark.parametrize(
    ("snapshot", "reason"),
    [
        pytest.param(record_pb2.HealthSnapshot(healthy=True), None, id="healthy"),
        pytest.param(record_pb2.HealthSnapshot(reason="refused"), "refused", id="unhealthy"),
    ],
)
def test_a_health_snapshot(snapshot: record_pb2.HealthSnapshot, reason: str | None) -> None:
    known = record_pb2.HealthSnapshot(id=ID.bytes, time=AT, service="sales", target="t", duration_micros=2_500)
    known.MergeFrom(snapshot)
    assert HealthSnapshot.of(known) == HealthSnapshot(
        id=ACME,
        time=FIRST,
        service="sales",
        target="t",
        healthy=snapshot.healthy,
        reason=reason,
        duration_ms=2.5,
    )


@pytest.mark.parametrize(("route", "shown"), [("list", "list"), ("", None)], ids=["of a route", "of no route"])
def test_a_point_of_traffic(route: str, shown: str | None) -> None:
    point = pb.TrafficPoint(time=AT, route=route, requests=4, errors=1, request_bytes=5, response_bytes=9)
    assert TrafficPoint.of(point) == TrafficPoint(
        time=FIRST, route=shown, requests=4, errors=1, request_bytes=5, response_bytes=9
    )


@pytest.mark.parametrize(
    ("model", "query"),
    [
        pytest.param(LogFilters, {}, id="none"),
        pytest.param(LogFilters, {"status": ""}, id="an empty status"),
        pytest.param(LogFilters, {"status": "5xx"}, id="a group"),
        pytest.param(LogFilters, {"status": "599"}, id="a status that has no name"),
        pytest.param(LogFilters, {"limit": "1000", "path": "/ü" * 1024}, id="the longest page of the longest path"),
        pytest.param(HealthFilters, {"service": "s" * 128}, id="the longest service"),
        pytest.param(MetricsFilters, {"interval_minutes": "1440"}, id="a day"),
    ],
)
def test_filters_are_read_from_the_text_of_a_query(model: type[BaseModel], query: dict[str, Any]) -> None:
    model.model_validate(query)


@pytest.mark.parametrize(
    ("model", "query"),
    [
        pytest.param(LogFilters, {"status": "600"}, id="no status"),
        pytest.param(LogFilters, {"status": "4XX"}, id="a group in capitals"),
        pytest.param(LogFilters, {"status": "40"}, id="half a status"),
        pytest.param(LogFilters, {"status": "404\n"}, id="a status and a line's end"),
        pytest.param(LogFilters, {"request_id": ""}, id="an empty request id"),
        pytest.param(LogFilters, {"request_id": "r 1"}, id="a request id with a space"),
        pytest.param(LogFilters, {"path": "/a\x00"}, id="a path with NUL"),
        pytest.param(LogFilters, {"limit": "1001"}, id="a page too long"),
        pytest.param(HealthFilters, {"limit": "0"}, id="an empty page"),
        pytest.param(HealthFilters, {"since": "yesterday"}, id="a word for a time"),
        pytest.param(HealthFilters, {"status": "404"}, id="another page's filter"),
        pytest.param(MetricsFilters, {"interval_minutes": "0"}, id="no interval"),
        pytest.param(MetricsFilters, {"interval_minutes": "1441"}, id="more than a day"),
        pytest.param(MetricsFilters, {"limit": "1"}, id="a page of sums"),
    ],
)
def test_a_filter_that_is_none_is_a_fault(model: type[BaseModel], query: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        model.model_validate(query)
    assert [each["loc"] for each in refused.value.errors()] == [tuple(query)]
