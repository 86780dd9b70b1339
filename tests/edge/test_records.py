"""What an answered request leaves: counts under the right names, a record and a log line in the right tenant."""

import time
from uuid import UUID

import orjson
import pytest
from penstock.telemetry.v1.record_pb2 import RequestRecord

from domain.tenants import DEFAULT_TENANT, TenantId
from edge.access_log import AccessLog
from edge.http.origin import Origin
from edge.inbound import InboundRequest
from edge.principal import Principal, PrincipalKind
from edge.problems import bad_request
from edge.records import Records
from edge.request_id import RequestIdentity
from edge.routing import Router
from edge.sampling import ALL, Share
from edge.snapshot import Rules, TenantStatus, TenantView
from edge.tally import Tally
from edge.visit import Visit
from tests.edge.heads import head_of

TENANT = TenantId("01a20000-0000-7000-8000-00000000000a")
VIEW = TenantView(TENANT, "abcdefgh", "acme", TenantStatus.ACTIVE, Rules(TENANT, 1, Router(())))
CALLER = Principal(PrincipalKind.CONSUMER, "c-1", TENANT)


def visit_of(code: str = "", principal: Principal | None = None, tenant: TenantView | None = VIEW) -> Visit:
    request = InboundRequest(head_of(), started_at=time.perf_counter(), started_time=1_700_000_000.0)
    visit = Visit(request, RequestIdentity(b"0123456789abcdef", b"r-1"), Origin("192.0.2.7"))
    visit.template, visit.status, visit.code = "/api", 200, code
    visit.principal, visit.tenant = principal, tenant
    return visit


class Kept:
    """The books of a worker."""

    def __init__(self, logged: Share = ALL) -> None:
        self.tally = Tally()
        self.notes: list[RequestRecord] = []
        self.lines: list[bytes] = []
        self.access_log = AccessLog("edge-0", self.lines.append)
        self.records = Records(self.tally, self.access_log, self._note, logged)

    def _note(self, octets: bytes) -> None:
        self.notes.append(RequestRecord.FromString(octets))


@pytest.mark.parametrize(
    ("code", "principal", "events"),
    [
        pytest.param("", None, {}, id="an anonymous request"),
        pytest.param("", CALLER, {("gateway_auth_attempts", "success"): 1}, id="a proven caller"),
        pytest.param("ROUTE_NOT_FOUND", None, {}, id="no route"),
        pytest.param("TOKEN_MISSING", None, {}, id="no credential is no attempt"),
        *(
            pytest.param(code, None, {("gateway_auth_attempts", "failure"): 1}, id=code)
            for code in ("KEY_INVALID", "TOKEN_INVALID", "TOKEN_EXPIRED", "TOKEN_STALE", "TOKEN_REVOKED")
        ),
        pytest.param("AUTH_UNAVAILABLE", None, {("gateway_auth_attempts", "unavailable"): 1}, id="nobody to ask"),
        pytest.param("DOWNSTREAM_TIMEOUT", None, {}, id="a timeout"),
        pytest.param(
            "RATE_LIMITED", CALLER, {("gateway_auth_attempts", "success"): 1}, id="a proven caller over its limit"
        ),
    ],
)
def test_events_are_counted_by_what_happened(
    code: str, principal: Principal | None, events: dict[tuple[str, str], int]
) -> None:
    kept = Kept()
    kept.records.keep(visit_of(code, principal))
    assert kept.tally.events == events


def test_a_request_is_counted_by_method_template_and_status() -> None:
    kept, visit = Kept(), visit_of()
    visit.request.feed(b"12345")
    visit.response_bytes = 9
    kept.records.keep(visit)
    ((key, count),) = kept.tally.requests.items()
    assert key == ("GET", "/api", 200)
    assert (count.count, count.request_bytes, count.response_bytes) == (1, 5, 9)


@pytest.mark.parametrize(
    ("code", "rate_limited", "timed_out"), [("", 0, 0), ("RATE_LIMITED", 1, 0), ("DOWNSTREAM_TIMEOUT", 0, 1)]
)
def test_limits_and_timeouts_are_counted_beside_their_request(code: str, rate_limited: int, timed_out: int) -> None:
    kept = Kept()
    kept.records.keep(visit_of(code))
    (count,) = kept.tally.requests.values()
    assert (count.count, count.rate_limited, count.timed_out) == (1, rate_limited, timed_out)


def test_record_and_line_are_the_acting_tenants() -> None:
    kept = Kept()
    kept.records.keep(visit_of())
    kept.access_log.flush()
    assert [UUID(bytes=record.tenant_id) for record in kept.notes] == [UUID(TENANT)]
    assert orjson.loads(b"".join(kept.lines))["tenant_id"] == TENANT


def test_what_belongs_to_nobody_is_recorded_in_default() -> None:
    kept = Kept()
    request = InboundRequest(bad_request("no"), started_at=time.perf_counter(), started_time=1.0)
    kept.records.keep(Visit(request, RequestIdentity(b"0123456789abcdef", b"r-1"), Origin("192.0.2.7")))
    assert UUID(bytes=kept.notes[0].tenant_id) == UUID(DEFAULT_TENANT)
    assert list(kept.tally.requests) == [("(none)", "(none)", 0)]


@pytest.mark.parametrize(
    ("status", "stage", "kept_anyway"),
    [
        pytest.param(200, "", False, id="answered"),
        pytest.param(404, "", False, id="refused by the upstream"),
        pytest.param(429, "", False, id="refused by the edge"),
        pytest.param(500, "", True, id="failed"),
        pytest.param(504, "response", True, id="too late"),
        pytest.param(200, "body", True, id="cut"),
        pytest.param(0, "response", True, id="left by the client"),
    ],
)
def test_what_failed_has_a_line_in_every_sample(status: int, stage: str, kept_anyway: bool) -> None:
    for part, expected in ((0.0, kept_anyway), (1.0, True)):
        kept, visit = Kept(Share(part)), visit_of()
        visit.status, visit.stage = status, stage
        kept.records.keep(visit)
        kept.access_log.flush()
        assert bool(kept.lines) is expected
        assert len(kept.notes) == 1


def test_the_beginning_has_a_line_of_level_debug_in_the_same_sample() -> None:
    for part, count in ((0.0, 0), (1.0, 1)):
        kept = Kept(Share(part))
        kept.records.begin(visit_of())
        kept.access_log.flush()
        assert len(kept.lines) == count
    line = orjson.loads(kept.lines[0])
    assert (line["event"], line["level"], line["timestamp"]) == (
        "request started",
        "debug",
        "2023-11-14T22:13:20.000000Z",
    )


def test_what_was_not_let_in_has_no_beginning() -> None:
    kept = Kept()
    request = InboundRequest(bad_request("no"), started_at=0.0, started_time=1.0)
    kept.records.begin(Visit(request, RequestIdentity(b"0123456789abcdef", b"r-1"), Origin("192.0.2.7")))
    kept.access_log.flush()
    assert not kept.lines


def test_records_go_on_where_no_access_log_is_wanted() -> None:
    notes: list[bytes] = []
    Records(Tally(), None, notes.append).keep(visit_of())
    assert len(notes) == 1
