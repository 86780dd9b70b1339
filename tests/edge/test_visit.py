"""What remains of a request: its record and its log line, whole when all is known and sound when nothing is."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock.errors.v1 import error_reason_pb2 as reasons
from penstock.telemetry.v1.record_pb2 import RequestRecord

from domain.tenants import TenantId
from edge.exchange import Outcome
from edge.http.forwarded import TrustedProxies
from edge.http.head import Head
from edge.http.origin import Origin, Peer, find_origin
from edge.inbound import InboundRequest
from edge.principal import Principal, PrincipalKind
from edge.problems import Refusal, bad_request
from edge.request_id import RequestIdentity
from edge.routing import Route, Service, Target, Timeouts
from edge.visit import MAX_AGENT, MAX_MICROS, MAX_PATH, Visit, log_line, record_octets, start_line
from tests.edge.heads import head_of

TENANT = TenantId("01a20000-0000-7000-8000-00000000000a")
IDENTITY = RequestIdentity(b"0123456789abcdef", b"r-1")
ROUTE = Route("list-sales", "/api", Service("sales", (Target("127.0.0.1", 1),)), Timeouts())
CALLER = Principal(PrincipalKind.CONSUMER, "c-1", TENANT, name="shop", credential_id="key-1")


def visit_of(head: Head | Refusal) -> Visit:
    peer = Peer("192.0.2.7", tls=False, trusted=False)
    origin = find_origin(peer, head, TrustedProxies()) if isinstance(head, Head) else Origin(peer.address)
    return Visit(InboundRequest(head, started_at=5.0, started_time=1_700_000_000.25), IDENTITY, origin)


def request_record(visit: Visit, tenant_id: TenantId, seconds: float) -> RequestRecord:
    """The record as the collector reads it."""
    return RequestRecord.FromString(record_octets(visit, tenant_id, seconds))


def complete() -> Visit:
    """A visit of which everything is known."""
    fields = ((b"Host", b"API.example.com:8443"), (b"User-Agent", b"curl/8"))
    visit = visit_of(head_of(*fields, method=b"POST", target=b"/api/%61?secret=1"))
    visit.request.feed(b"12345")
    visit.config_version = 7
    visit.route, visit.template = ROUTE, ROUTE.prefix
    visit.principal = CALLER
    visit.upstream, visit.upstream_seconds = "127.0.0.1:1", 0.25
    visit.status, visit.response_bytes = 200, 9
    return visit


def test_every_answer_carries_the_request_id() -> None:
    assert visit_of(head_of()).lines == [b"X-Request-ID: r-1\r\n"]


def test_a_whole_record() -> None:
    visit = complete()
    visit.code, visit.stage = "DOWNSTREAM_RESET", "body"
    assert request_record(visit, TENANT, 1.5) == RequestRecord(
        id=b"0123456789abcdef",
        tenant_id=bytes.fromhex(TENANT.replace("-", "")),
        start_micros=1_700_000_000_250_000,
        duration_micros=1_500_000,
        request_id="r-1",
        method="POST",
        path="/api/a",
        route="list-sales",
        service="sales",
        status=200,
        code="DOWNSTREAM_RESET",
        principal_id="c-1",
        consumer="shop",
        credential_id="key-1",
        client_address="192.0.2.7",
        host="api.example.com",
        request_bytes=5,
        response_bytes=9,
        upstream="127.0.0.1:1",
        upstream_micros=250_000,
        config_version=7,
        trace_id=b"0123456789abcdef",
        stage="body",
        user_agent="curl/8",
    )


def test_a_whole_log_line() -> None:
    visit = complete()
    visit.code, visit.stage = "DOWNSTREAM_RESET", "body"
    assert log_line(visit, TENANT, 0.0123456) == {
        "event": "request",
        "request_id": "r-1",
        "trace_id": b"0123456789abcdef".hex(),
        "tenant_id": TENANT,
        "method": "POST",
        "path": "/api/a",
        "route": "/api",
        "status": 200,
        "code": "DOWNSTREAM_RESET",
        "duration_ms": 12.346,
        "request_bytes": 5,
        "response_bytes": 9,
        "principal": "c-1",
        "client": "192.0.2.7",
        "upstream": "127.0.0.1:1",
        "stage": "body",
    }


def test_a_whole_line_of_a_beginning() -> None:
    visit = complete()
    assert visit.head is not None
    assert start_line(visit, visit.head) == {
        "event": "request started",
        "request_id": "r-1",
        "trace_id": b"0123456789abcdef".hex(),
        "method": "POST",
        "path": "/api/a",
        "query": "secret=***",
        "headers": {"host": "API.example.com:8443", "user-agent": "curl/8"},
        "client": "192.0.2.7",
    }


def test_a_credential_in_the_path_is_in_no_line() -> None:
    visit = visit_of(head_of(target=b"/api/psk_live_x"))
    assert visit.head is not None
    assert log_line(visit, TENANT, 0.0)["path"] == start_line(visit, visit.head)["path"] == "/api/***"


def test_of_a_request_that_was_not_let_in_only_the_outside_is_known() -> None:
    visit = visit_of(bad_request("no"))
    assert visit.head is None
    assert request_record(visit, TENANT, 0.0) == RequestRecord(
        id=b"0123456789abcdef",
        tenant_id=bytes.fromhex(TENANT.replace("-", "")),
        start_micros=1_700_000_000_250_000,
        request_id="r-1",
        trace_id=b"0123456789abcdef",
        client_address="192.0.2.7",
    )
    line = log_line(visit, TENANT, 0.0)
    assert (line["method"], line["path"], line["route"], line["principal"]) == ("", "", "(none)", "")


def test_a_path_that_can_be_read_in_two_ways_is_not_recorded() -> None:
    visit = visit_of(head_of(target=b"/a/../b"))
    assert request_record(visit, TENANT, 0.0).path == ""
    assert log_line(visit, TENANT, 0.0)["path"] == ""


@pytest.mark.parametrize(
    ("outcome", "status", "stage"),
    [
        pytest.param(Outcome(200, stage="body", begun=True), 200, "", id="answered"),
        pytest.param(
            Outcome(0, reasons.ERROR_REASON_DOWNSTREAM_TIMEOUT, "response"), 0, "response", id="failed before the head"
        ),
        pytest.param(
            Outcome(200, reasons.ERROR_REASON_DOWNSTREAM_RESET, "body", begun=True), 200, "body", id="failed after it"
        ),
        pytest.param(Outcome(0, stage="response", client_gone=True), 0, "response", id="the client went away"),
    ],
)
def test_a_stage_is_told_of_what_did_not_end_well(outcome: Outcome, status: int, stage: str) -> None:
    visit = complete()
    visit.settle(outcome)
    assert (visit.status, visit.stage) == (status, stage)
    record = request_record(visit, TENANT, 0.0)
    assert (record.status, record.stage) == (status, stage)


@pytest.mark.parametrize(
    ("seconds", "micros"),
    [
        pytest.param(0.0, 0, id="nothing"),
        pytest.param(0.0000019, 1, id="a microsecond and a part"),
        pytest.param(4294.967295, MAX_MICROS, id="the longest"),
        pytest.param(4294.967296, MAX_MICROS, id="longer"),
        pytest.param(1e9, MAX_MICROS, id="years"),
    ],
)
def test_durations_stay_within_their_field(seconds: float, micros: int) -> None:
    visit = complete()
    visit.upstream_seconds = seconds
    record = request_record(visit, TENANT, seconds)
    assert (record.duration_micros, record.upstream_micros) == (micros, micros)
    assert record.long_duration_micros == (int(seconds * 1e6) if seconds * 1e6 > MAX_MICROS else 0)


def test_a_websocket_that_was_open_for_a_day_is_recorded_with_its_time_and_its_end() -> None:
    visit = complete()
    visit.close_code = 1001
    record = request_record(visit, TENANT, 86_400.0)
    assert (record.close_code, record.long_duration_micros) == (1001, 86_400_000_000)
    assert log_line(visit, TENANT, 1.0)["close_code"] == 1001


def test_texts_of_the_client_stay_within_their_bounds() -> None:
    head = head_of((b"User-Agent", b"\xff" * (MAX_AGENT + 1)), target=b"/" + b"a" * MAX_PATH)
    visit = visit_of(head)
    record = request_record(visit, TENANT, 0.0)
    assert record.path == "/" + "a" * (MAX_PATH - 1)
    assert log_line(visit, TENANT, 0.0)["path"] == record.path
    assert record.user_agent == "ÿ" * MAX_AGENT


def test_visits_share_nothing_that_one_of_them_sets() -> None:
    complete()
    other = visit_of(head_of())
    assert (other.route, other.principal, other.status, other.template) == (None, None, 0, "(none)")


targets = st.binary(max_size=60).map(lambda tail: b"/" + tail)
agents = st.binary(max_size=300).map(lambda value: value.translate(None, b"\r\n\0"))


@given(targets, agents, st.floats(0, 1e12))
def test_whatever_the_client_sent_a_record_is_written_and_a_line_is_one_line(
    target: bytes, agent: bytes, seconds: float
) -> None:
    visit = visit_of(head_of((b"User-Agent", agent), target=target.replace(b"#", b"")))
    record = request_record(visit, TENANT, seconds)
    assert record.path == (visit.head.path or "") if visit.head else ""
    assert b"\n" not in orjson.dumps(log_line(visit, TENANT, seconds))
