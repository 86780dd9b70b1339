"""Faults survive the way over gRPC, foreign text does not, and problems have the shape that clients read."""

import grpc
import pytest
from penstock.errors.v1 import error_reason_pb2 as reasons

from svckit.errors import DETAILS_KEY, Fault, FieldFault, from_rpc_error, problem, to_status


def rpc_error(code: grpc.StatusCode, details: str, *metadata: tuple[str, str | bytes]) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(*metadata), details)


def test_a_fault_comes_back_whole_from_its_status() -> None:
    sent = Fault(
        reasons.ERROR_REASON_INVALID_DOCUMENT,
        "Two things are wrong.",
        fields=(FieldFault("routes[0].prefix", "must begin with /"), FieldFault("limits", "is missing")),
        metadata={"version": "7"},
    )
    details = to_status(sent).SerializeToString()

    received = from_rpc_error(rpc_error(sent.spec.grpc_status, sent.detail, (DETAILS_KEY, details)))

    assert received.reason == sent.reason
    assert (received.detail, received.fields, received.metadata) == (sent.detail, sent.fields, sent.metadata)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (grpc.StatusCode.UNAVAILABLE, reasons.ERROR_REASON_UNAVAILABLE),
        (grpc.StatusCode.DEADLINE_EXCEEDED, reasons.ERROR_REASON_DEADLINE_EXCEEDED),
        (grpc.StatusCode.UNIMPLEMENTED, reasons.ERROR_REASON_UNIMPLEMENTED),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, reasons.ERROR_REASON_OVERLOADED),
        (grpc.StatusCode.UNKNOWN, reasons.ERROR_REASON_INTERNAL),
        (grpc.StatusCode.PERMISSION_DENIED, reasons.ERROR_REASON_INTERNAL),
    ],
    ids=lambda value: value.name if isinstance(value, grpc.StatusCode) else None,
)
def test_of_a_status_without_our_reason_only_the_code_is_read(code: grpc.StatusCode, reason: int) -> None:
    fault = from_rpc_error(rpc_error(code, "psycopg: password is hunter2"))

    assert fault.reason == reason
    assert fault.detail == fault.spec.title


def test_a_reason_of_a_foreign_domain_is_not_ours() -> None:
    status = to_status(Fault(reasons.ERROR_REASON_NOT_FOUND))
    foreign = status.SerializeToString().replace(b"penstock", b"elsewher")

    fault = from_rpc_error(rpc_error(grpc.StatusCode.NOT_FOUND, "gone", (DETAILS_KEY, foreign)))

    assert fault.reason == reasons.ERROR_REASON_INTERNAL


def test_details_that_are_no_status_are_ignored() -> None:
    fault = from_rpc_error(rpc_error(grpc.StatusCode.UNAVAILABLE, "x", (DETAILS_KEY, b"\xff\xff")))

    assert fault.reason == reasons.ERROR_REASON_UNAVAILABLE


def test_a_fault_without_detail_says_its_title() -> None:
    assert Fault(reasons.ERROR_REASON_RATE_LIMITED).detail == "A rate limit is exceeded."


def test_a_problem_carries_code_error_and_request_id() -> None:
    document = problem(
        reasons.ERROR_REASON_DOWNSTREAM_TIMEOUT,
        detail="No answer within 10 s.",
        instance="/api/v1/sales",
        request_id="r-1",
        stage="response",
    )

    assert document == {
        "type": "https://penstock.dev/errors/DOWNSTREAM_TIMEOUT",
        "title": "The upstream did not answer in time.",
        "status": 504,
        "detail": "No answer within 10 s.",
        "instance": "/api/v1/sales",
        "code": "DOWNSTREAM_TIMEOUT",
        "error": "DOWNSTREAM_TIMEOUT",
        "request_id": "r-1",
        "stage": "response",
    }


def test_a_used_up_quota_has_the_type_that_is_registered_for_it() -> None:
    document = problem(reasons.ERROR_REASON_RATE_LIMITED)
    assert document["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert document["code"] == "RATE_LIMITED"


def test_a_problem_without_instance_leaves_the_member_out() -> None:
    assert "instance" not in problem(reasons.ERROR_REASON_NOT_READY)
