"""Every refusal is a whole problem document with defensive fields around it."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock.errors.v1 import error_reason_pb2 as reasons

from edge.http.answer import field_lines
from edge.problems import DEFENSIVE, WWW_AUTHENTICATE, Refusal, bad_request, render
from svckit.errors import CATALOGUE, ReasonSpec

EACH_REASON = pytest.mark.parametrize(
    ("reason", "spec"), [pytest.param(reason, spec, id=spec.name) for reason, spec in CATALOGUE.items()]
)


def document(refusal: Refusal, *, instance: str = "/a", request_id: str = "r-1") -> dict[str, Any]:
    _, _, body = render(refusal, instance=instance, request_id=request_id)
    read: dict[str, Any] = orjson.loads(body)
    return read


@EACH_REASON
def test_status_and_code_are_the_catalogues_everywhere(reason: int, spec: ReasonSpec) -> None:
    refusal = Refusal(reason, "why")
    status, _, body = render(refusal, instance="/a", request_id="r-1")
    assert (refusal.status, refusal.code) == (spec.http_status, spec.name)
    assert status == spec.http_status
    assert orjson.loads(body) == {
        "type": spec.type,
        "title": spec.title,
        "status": spec.http_status,
        "detail": "why",
        "code": spec.name,
        "error": spec.name,
        "request_id": "r-1",
        "instance": "/a",
    }


@EACH_REASON
def test_a_refusal_challenges_the_client_when_a_credential_would_help(reason: int, spec: ReasonSpec) -> None:
    _, fields, _ = render(Refusal(reason, ""), instance="", request_id="")
    assert fields[: len(DEFENSIVE)] == DEFENSIVE
    assert (WWW_AUTHENTICATE in fields) is (spec.http_status == 401)


def test_the_answer_is_never_stored_sniffed_or_run() -> None:
    assert field_lines(DEFENSIVE) == (
        b"Content-Type: application/problem+json\r\n"
        b"Cache-Control: no-store\r\n"
        b"X-Content-Type-Options: nosniff\r\n"
        b"Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
    )


def test_a_refusals_own_fields_and_members_are_added() -> None:
    refusal = Refusal(
        reasons.ERROR_REASON_DOWNSTREAM_TIMEOUT, "late", fields=((b"Retry-After", b"2"),), members={"stage": "connect"}
    )
    _, fields, _ = render(refusal, instance="", request_id="")
    assert fields == (*DEFENSIVE, (b"Retry-After", b"2"))
    assert document(refusal)["stage"] == "connect"


def test_what_is_not_known_is_left_out_or_said_by_the_title() -> None:
    read = document(Refusal(reasons.ERROR_REASON_ROUTE_NOT_FOUND, ""), instance="")
    assert read["detail"] == "No route matches the request."
    assert "instance" not in read


def test_a_request_that_cannot_be_read_is_a_bad_one() -> None:
    assert bad_request("Host is missing") == Refusal(reasons.ERROR_REASON_BAD_REQUEST, "Host is missing")


@given(st.text(), st.text(), st.text(min_size=1))
def test_no_text_breaks_the_document(detail: str, request_id: str, instance: str) -> None:
    read = document(bad_request(detail), instance=instance, request_id=request_id)
    assert (read["detail"] or detail, read["request_id"], read["instance"]) == (
        detail or "The request is not valid.",
        request_id,
        instance,
    )
