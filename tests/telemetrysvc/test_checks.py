"""What is wrong with a query, by field; what is right goes through as the value to use."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from penstock.errors.v1 import error_reason_pb2 as reasons

from domain.tenants import DEFAULT_TENANT
from svckit.errors import Fault, FieldFault
from telemetrysvc.checks import Checks

Check = Callable[[Checks], object]
TENANT = "01900000-0000-7000-8000-00000000acae"
LATEST = Timestamp(seconds=253_402_300_799)


def number(text: str) -> int | None:
    return int(text) if text.isdecimal() else None


@pytest.mark.parametrize(
    ("check", "value"),
    [
        pytest.param(lambda checks: checks.tenant(TENANT), TENANT, id="a tenant"),
        pytest.param(lambda checks: checks.tenant(DEFAULT_TENANT), DEFAULT_TENANT, id="the built-in tenant"),
        pytest.param(lambda checks: checks.status(""), "", id="no status"),
        pytest.param(lambda checks: checks.status("0"), "0", id="the status of a client that went away"),
        pytest.param(lambda checks: checks.status("100"), "100", id="the lowest status"),
        pytest.param(lambda checks: checks.status("999"), "999", id="the highest status"),
        pytest.param(lambda checks: checks.status("1xx"), "1xx", id="the lowest group"),
        pytest.param(lambda checks: checks.status("5xx"), "5xx", id="the highest group"),
        pytest.param(lambda checks: checks.bound("since", False, Timestamp(seconds=-5)), None, id="no bound"),
        pytest.param(
            lambda checks: checks.bound("since", True, Timestamp()),
            datetime(1970, 1, 1, tzinfo=UTC),
            id="the epoch is a bound",
        ),
        pytest.param(
            lambda checks: checks.bound("until", True, LATEST),
            datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
            id="the last second",
        ),
        pytest.param(lambda checks: checks.token("", number), None, id="no token"),
        pytest.param(lambda checks: checks.token("7", number), 7, id="a token"),
        pytest.param(lambda checks: checks.page_size(0), 100, id="no page size"),
        pytest.param(lambda checks: checks.page_size(1), 1, id="the smallest page"),
        pytest.param(lambda checks: checks.page_size(1000), 1000, id="the largest page"),
    ],
)
def test_what_is_right_goes_through(check: Check, value: object) -> None:
    checks = Checks()
    assert check(checks) == value
    checks.done()


NOT_A_TENANT = FieldFault("tenant_id", "must be a UUID in lower case")
NOT_A_STATUS = FieldFault("status", "must be a status like 404 or a group like 4xx")
NOT_A_TOKEN = FieldFault("page_token", "must be the token of a page with these filters")
NOT_A_SIZE = FieldFault("page_size", "must be 1–1000")


@pytest.mark.parametrize(
    ("check", "fault"),
    [
        pytest.param(lambda checks: checks.tenant(""), NOT_A_TENANT, id="no tenant"),
        pytest.param(lambda checks: checks.tenant("acme"), NOT_A_TENANT, id="a tenant by name"),
        pytest.param(lambda checks: checks.tenant(TENANT.upper()), NOT_A_TENANT, id="a tenant in upper case"),
        *(
            pytest.param(lambda checks, text=text: checks.status(text), NOT_A_STATUS, id=f"status {text!r}")
            for text in ("4x", "4XX", "0xx", "6xx", "00", "099", "40", "4040", "-1", "404\n", " 404", "4xx5", "٤٠٤")
        ),
        pytest.param(
            lambda checks: checks.bound("since", True, Timestamp(seconds=-1)),
            FieldFault("since", "must lie between 1970 and 9999"),
            id="before the epoch",
        ),
        pytest.param(
            lambda checks: checks.bound("until", True, Timestamp(seconds=LATEST.seconds + 1)),
            FieldFault("until", "must be a valid time"),
            id="after the last second",
        ),
        pytest.param(lambda checks: checks.token("x", number), NOT_A_TOKEN, id="another token"),
        pytest.param(lambda checks: checks.page_size(1001), NOT_A_SIZE, id="too large a page"),
        pytest.param(lambda checks: checks.page_size(2**32 - 1), NOT_A_SIZE, id="the largest number"),
    ],
)
def test_what_is_wrong_is_told_by_its_field(check: Check, fault: FieldFault) -> None:
    checks = Checks()
    check(checks)
    with pytest.raises(Fault) as caught:
        checks.done()
    assert caught.value.reason == reasons.ERROR_REASON_BAD_REQUEST
    assert caught.value.fields == (fault,)


def test_all_is_told_at_once() -> None:
    checks = Checks()
    checks.tenant("x")
    checks.status("x")
    checks.bound("since", True, Timestamp(seconds=-1))
    checks.token("x", number)
    checks.page_size(5000)
    with pytest.raises(Fault) as caught:
        checks.done()
    assert [fault.path for fault in caught.value.fields] == ["tenant_id", "status", "since", "page_token", "page_size"]


@given(st.text(alphabet="0123456789x", max_size=4))
def test_a_status_that_passes_is_a_number_or_a_group_of_hundreds(text: str) -> None:
    checks = Checks()
    checks.status(text)
    is_status = text.isdecimal() and str(int(text)) == text and (int(text) == 0 or 100 <= int(text) <= 999)
    is_group = len(text) == 3 and text[0] in "12345" and text.endswith("xx")
    if not text or is_status or is_group:
        checks.done()
    else:
        with pytest.raises(Fault):
            checks.done()
