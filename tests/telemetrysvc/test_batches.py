"""Records become rows: bounded, and an error event where something failed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock.telemetry.v1.record_pb2 import RequestRecord

from telemetrysvc.batches import REQUEST_COLUMNS, TenantRows, is_error, read_batch, request_row
from telemetrysvc.store import halves
from tests.telemetrysvc.records import batch, new_tenant, request


@pytest.mark.parametrize(
    ("status", "code", "stage", "expected"),
    [
        pytest.param(200, "", "", False, id="answered"),
        pytest.param(404, "ROUTE_NOT_FOUND", "", False, id="refused"),
        pytest.param(429, "RATE_LIMITED", "", False, id="limited"),
        pytest.param(0, "", "", False, id="client-gone"),
        pytest.param(500, "", "", True, id="upstream-500"),
        pytest.param(504, "DOWNSTREAM_TIMEOUT", "connect", True, id="timeout"),
        pytest.param(408, "REQUEST_TIMEOUT", "", True, id="client-too-slow"),
        pytest.param(200, "", "body", True, id="body-broken-off"),
    ],
)
def test_error_events(status: int, code: str, stage: str, expected: bool) -> None:
    assert is_error(status, code, stage) is expected


def test_a_row_has_a_value_for_each_column() -> None:
    row = request_row(request(new_tenant(), path="/a", stage="idle"))
    assert row is not None
    named = dict(zip(REQUEST_COLUMNS, row, strict=True))
    assert (named["path"], named["stage"], named["status"]) == ("/a", "idle", 200)


def test_numbers_beyond_what_a_column_holds_are_capped() -> None:
    row = request_row(request(new_tenant(), request_bytes=(1 << 64) - 1, config_version=(1 << 64) - 1))
    assert row is not None
    assert max(value for value in row if isinstance(value, int)) == (1 << 63) - 1


@given(st.text(max_size=3000))
def test_no_text_exceeds_its_bound_or_holds_nul(text: str) -> None:
    row = request_row(RequestRecord(id=b"i" * 16, tenant_id=b"t" * 16, start_micros=1, path=text, user_agent=text))
    assert row is not None
    path, user_agent = row[REQUEST_COLUMNS.index("path")], row[REQUEST_COLUMNS.index("user_agent")]
    assert len(path) <= 2048
    assert len(user_agent) <= 256
    assert "\0" not in path + user_agent
    assert text.replace("\0", "").startswith(path)


def test_a_close_code_that_is_none_costs_no_record() -> None:
    record = RequestRecord(id=b"i" * 16, tenant_id=b"t" * 16, start_micros=1, close_code=1 << 31)
    row = request_row(record)
    assert row is not None
    assert row[REQUEST_COLUMNS.index("close_code")] == 0


@given(requests=st.integers(0, 9), health=st.integers(0, 9), errors=st.integers(0, 9))
def test_halves_hold_all_rows_between_them_and_none_is_empty(requests: int, health: int, errors: int) -> None:
    rows = TenantRows(
        requests=[(b"r%d" % number,) for number in range(requests)],
        errors=[(b"r%d" % number,) for number in range(min(errors, requests))],
        health=[(b"h%d" % number,) for number in range(health)],
    )
    if len(rows) < 2:
        return
    first, second = halves(rows)
    assert len(first) >= 1
    assert len(second) >= 1
    assert (first.requests + second.requests, first.health + second.health) == (rows.requests, rows.health)
    for half in (first, second):
        assert {row[0] for row in half.errors} <= {row[0] for row in half.requests}
    assert len(first.errors) + len(second.errors) == len(rows.errors)


def test_the_elements_of_a_broken_message_are_read_one_by_one() -> None:
    tenant = new_tenant()
    sound = batch([request(tenant, path="/1"), request(tenant, path="/2")], sequence=5)
    sound.dropped["full"] = 7
    read = read_batch(sound.SerializeToString() + b"\x12\x04\x2a\x02\xff\xfe")
    assert (read.size, read.refused, read.sequence, read.dropped) == (2, 1, 5, {"full": 7})
