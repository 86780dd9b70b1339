"""Verdicts as Envoy reads them."""

from collections.abc import Iterable

import orjson
import pytest
from penstock.envoy.v3 import authorization_pb2 as pb

from authsvc.authorization.answer import allowed, denied
from authsvc.authorization.question import OURS, read_question
from authsvc.authorization.verdict import Allowed
from domain.access import Denied
from domain.identity_fields import IDENTITY, Caller
from svckit.errors import CATALOGUE, ReasonSpec

from .places import ACME, check, known

OVERWRITE = pb.HEADER_APPEND_ACTION_OVERWRITE


def fields(options: Iterable[pb.HeaderValueOption]) -> dict[str, str]:
    return {each.header.key: each.header.value for each in options}


@pytest.mark.parametrize("caller", [Caller("consumer", "c-1", "robot"), None], ids=["somebody", "nobody"])
def test_what_is_allowed_goes_on_with_our_word_and_nobody_elses(caller: Caller | None) -> None:
    asked = read_question(check({"x_user_id": b"spoof", "x-user-id": b"spoof", "x.api.key": b"spoof"}))
    response = allowed(Allowed(known().by_slug["acme"], caller), asked, "r-1")
    own = fields(response.ok_response.headers)
    assert response.status.code == 0
    assert (own["X-Tenant-ID"], own.get("X-User-ID"), own["X-Request-ID"]) == (ACME, caller and "c-1", "r-1")
    assert {each.append_action for each in response.ok_response.headers} == {OVERWRITE}
    removed = set(response.ok_response.headers_to_remove)
    said = {name.lower() for name in own}
    assert not removed & said
    assert removed | said == {name.decode() for name in OURS} | {"x_user_id", "x.api.key"}
    assert IDENTITY <= OURS


@pytest.mark.parametrize("spec", CATALOGUE.values(), ids=lambda spec: spec.name)
def test_every_reason_has_its_problem(spec: ReasonSpec) -> None:
    response = denied(Denied(spec.name, "because"), "/things", "r-1")
    failed = spec.http_status >= 500
    assert response.WhichOneof("http_response") == ("error_response" if failed else "denied_response")
    answer = response.error_response if failed else response.denied_response
    assert response.status.code == spec.grpc_status.value[0]
    assert response.status.code != 0
    assert answer.status.code == spec.http_status
    told, body = fields(answer.headers), orjson.loads(answer.body)
    assert told["Content-Type"] == "application/problem+json"
    assert ("WWW-Authenticate" in told, "Retry-After" in told) == (spec.http_status == 401, spec.http_status == 503)
    assert {each.append_action for each in answer.headers} == {OVERWRITE}
    assert (body["code"], body["status"], body["detail"]) == (spec.name, spec.http_status, "because")
    assert (body["instance"], body["request_id"], told["X-Request-ID"]) == ("/things", "r-1", "r-1")
