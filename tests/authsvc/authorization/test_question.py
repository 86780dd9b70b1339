"""What is read of a request that another gateway describes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from penstock.envoy.v3 import authorization_pb2 as pb

from authsvc.authorization.question import OURS, Question, read_question
from domain.access import Denied
from domain.credentials import Presented
from domain.identity_fields import fold
from svckit.errors import Fault
from tests.edge.spoofs import spoofs

from .places import ACME, check, key


def asked(fields: dict[str, bytes], **others: object) -> Question:
    return read_question(check(fields, **others))  # type: ignore[arg-type]


def code(found: object) -> str | None:
    return found.reason if isinstance(found, Denied) else None


def test_a_request_is_read_for_what_it_is_judged_by() -> None:
    question = asked(
        {"x-api-key": key(), "x-tenant-id": ACME.encode(), "x-request-id": b"r-1"},
        host=b"API.acme.com:8443",
        method=b"patch",
        path=b"/a/b?secret=1",
    )
    assert (question.method, question.path, question.host) == ("PATCH", "/a/b", "api.acme.com")
    assert isinstance(question.credential, Presented)
    assert question.credential.key is not None
    assert (question.requested, question.spelling, question.request_id) == (ACME, None, "r-1")
    assert question.imitations == ()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        pytest.param({}, None, id="none"),
        pytest.param({"authorization": b"Bearer " + key()}, None, id="a bearer"),
        pytest.param({"authorization": b"Basic YTpi"}, "TOKEN_INVALID", id="another scheme"),
        pytest.param({"x-api-key": key(), "authorization": b"Bearer x"}, "CREDENTIALS_CONFLICT", id="two kinds"),
        pytest.param({"x-api-key": key() + b"," + key()}, "CREDENTIALS_CONFLICT", id="two lines that were joined"),
        pytest.param({"authorization": b"Bearer a,Bearer b"}, "CREDENTIALS_CONFLICT", id="two bearers"),
    ],
)
def test_at_most_one_credential_is_presented(fields: dict[str, bytes], reason: str | None) -> None:
    assert code(asked(fields).credential) == reason


def test_fields_may_come_one_by_one() -> None:
    once = asked({}, header_map=[("X-Api-Key", key()), ("x-tenant-id", ACME.encode())])
    assert isinstance(once.credential, Presented)
    assert once.requested == ACME
    twice = asked({}, header_map=[("x-api-key", key()), ("x-api-key", key()), *[("x-tenant-id", ACME.encode())] * 2])
    assert (code(twice.credential), code(twice.requested)) == ("CREDENTIALS_CONFLICT", "BAD_REQUEST")


@pytest.mark.parametrize("value", [b"", b"acme", ACME.upper().encode(), f"{ACME},{ACME}".encode(), b"\xff"])
def test_a_tenant_is_asked_for_by_its_id_alone(value: bytes) -> None:
    assert code(asked({"x-tenant-id": value}).requested) == "BAD_REQUEST"


@pytest.mark.parametrize("name", ["x_tenant_id", "x.tenant-id", "X-Tenant~ID"])
def test_another_spelling_of_the_tenant_is_refused(name: str) -> None:
    assert code(asked({name: ACME.encode()}).spelling) == "BAD_REQUEST"


def test_every_spelling_that_could_be_taken_for_ours_is_found() -> None:
    names = {spoof.decode().lower() for spoof in spoofs()}
    question = asked(dict.fromkeys(names, b"spoofed"))
    left = {name for name in names if name not in question.imitations}
    assert left == {name.decode() for name in OURS} & names
    assert {fold(name.encode()) for name in question.imitations} <= OURS


@pytest.mark.parametrize("given_id", [b"", b"with space", b"a" * 129, b"\xff", key(), b"a,b"])
def test_an_id_that_may_not_stand_in_a_log_is_not_kept(given_id: bytes) -> None:
    assert asked({"x-request-id": given_id}).request_id == ""


def test_only_requests_of_http_can_be_judged() -> None:
    with pytest.raises(Fault):
        read_question(pb.CheckRequest())


@given(
    st.dictionaries(st.text(st.characters(codec="utf-8")), st.binary(max_size=50), max_size=8),
    st.binary(max_size=20),
    st.binary(max_size=20),
    st.binary(max_size=20),
)
def test_nothing_that_a_client_sends_is_a_fault(
    fields: dict[str, bytes], host: bytes, method: bytes, path: bytes
) -> None:
    message = check(fields, host=host, method=method, path=path).SerializeToString()
    read_question(pb.CheckRequest.FromString(message))
