"""The error catalogue covers the contract's enum, and says what the contract's comments say."""

import re
from pathlib import Path

import grpc
import pytest
from penstock.errors.v1 import error_reason_pb2 as reasons

from svckit.errors import BY_NAME, CATALOGUE, Fault, ReasonSpec, from_rpc_error, problem, to_status

PROTO = Path(__file__).parents[2] / "proto/penstock/errors/v1/error_reason.proto"
EACH_REASON = pytest.mark.parametrize(
    ("reason", "spec"), [pytest.param(reason, spec, id=spec.name) for reason, spec in CATALOGUE.items()]
)
# What a caller may conclude from the gRPC code must not contradict the HTTP class.
CLIENT_CODES = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
    }
)
SERVER_CODES = frozenset(
    {
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
    }
)


def documented_statuses() -> dict[str, int]:
    """Reason → the HTTP status in the comment above it: `(401)` at the end of a line."""
    found: dict[str, int] = {}
    status = 0
    for line in PROTO.read_text(encoding="utf-8").splitlines():
        if comment := re.search(r"//.*\((\d{3})\)\.$", line):
            status = int(comment[1])
        if value := re.search(r"ERROR_REASON_(\w+) = [1-9]", line):
            found[value[1]] = status
    return found


def test_every_reason_of_the_contract_is_in_the_catalogue_and_nothing_else() -> None:
    assert set(CATALOGUE) == set(reasons.ErrorReason.values()) - {reasons.ERROR_REASON_UNSPECIFIED}


def test_http_statuses_are_those_of_the_contracts_comments() -> None:
    assert {spec.name: spec.http_status for spec in CATALOGUE.values()} == documented_statuses()


@EACH_REASON
def test_a_name_is_the_enums_without_its_prefix(reason: int, spec: ReasonSpec) -> None:
    assert reasons.ErrorReason.Value(f"ERROR_REASON_{spec.name}") == reason
    assert BY_NAME[spec.name] == reason


@EACH_REASON
def test_http_and_grpc_statuses_agree_on_whose_fault_it_is(reason: int, spec: ReasonSpec) -> None:
    assert spec.grpc_status in (CLIENT_CODES if spec.http_status < 500 else SERVER_CODES)


@EACH_REASON
def test_a_reason_survives_the_way_over_grpc_and_into_a_problem(reason: int, spec: ReasonSpec) -> None:
    status = to_status(Fault(reason))
    metadata = grpc.aio.Metadata(("grpc-status-details-bin", status.SerializeToString()))
    error = grpc.aio.AioRpcError(spec.grpc_status, grpc.aio.Metadata(), metadata, spec.title)

    assert from_rpc_error(error).reason == reason
    assert problem(reason)["code"] == spec.name


def test_titles_are_sentences_and_tell_the_reasons_apart() -> None:
    titles = [spec.title for spec in CATALOGUE.values()]

    assert len(set(titles)) == len(titles)
    assert all(title.endswith(".") and title[0].isupper() for title in titles)


def test_only_passing_states_are_worth_a_retry() -> None:
    retryable = {spec.http_status for spec in CATALOGUE.values() if spec.retryable}

    assert retryable == {408, 423, 429, 502, 503, 504}


def test_the_documentation_has_every_reason_as_the_catalogue_has_it() -> None:
    page = (Path(__file__).parents[2] / "docs/errors.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| (\w+) \| (yes|no) \| \S", page, re.MULTILINE)
    assert rows == [
        (spec.name, str(spec.http_status), spec.grpc_status.name, "yes" if spec.retryable else "no")
        for spec in CATALOGUE.values()
    ]
