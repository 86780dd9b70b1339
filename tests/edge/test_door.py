"""What the edge answers by itself, and whether the connection may carry another request."""

import re

import httptools
import orjson
import pytest
from penstock.errors.v1 import error_reason_pb2 as reasons

from edge.client import ClientConnection
from edge.door import answer_preflight, failure_refusal, finish, refuse
from edge.exchange import Outcome
from edge.http.head import Head
from edge.http.origin import Origin
from edge.inbound import InboundRequest
from edge.problems import Refusal, bad_request
from edge.request_id import RequestIdentity
from edge.visit import Visit
from svckit.errors import CATALOGUE
from tests.edge.heads import Field, head_of

NO_ROUTE = Refusal(reasons.ERROR_REASON_ROUTE_NOT_FOUND, "nothing is served here")
CLOSE: Field = (b"Connection", b"close")
KEEP: Field = (b"Connection", b"keep-alive")
FAILURES = (
    reasons.ERROR_REASON_DOWNSTREAM_UNREACHABLE,
    reasons.ERROR_REASON_DOWNSTREAM_RESET,
    reasons.ERROR_REASON_DOWNSTREAM_INVALID,
    reasons.ERROR_REASON_DOWNSTREAM_TIMEOUT,
    reasons.ERROR_REASON_BAD_REQUEST,
    reasons.ERROR_REASON_REQUEST_TIMEOUT,
    reasons.ERROR_REASON_BODY_TOO_LARGE,
)


class Client(ClientConnection):
    """A client's connection that keeps what would go over the wire. `cut` tells how it was ended, if it was."""

    def __init__(self) -> None:
        self.octets = b""
        self.cut = ""

    def write(self, data: bytes) -> None:
        self.octets += data

    def abort(self, *, by_reset: bool = False) -> None:
        self.cut = "reset" if by_reset else "end"


class Answer:
    """What a client's parser makes of the octets."""

    def __init__(self, octets: bytes) -> None:
        self.fields: dict[str, str] = {}
        self.body = b""
        parser = httptools.HttpResponseParser(self)
        parser.feed_data(octets)
        self.status = parser.get_status_code()

    def on_header(self, name: bytes, value: bytes) -> None:
        assert name.decode() not in self.fields
        self.fields[name.decode()] = value.decode()

    def on_body(self, data: bytes) -> None:
        self.body += data


def visit_of(head: Head | Refusal, *, complete: bool = True) -> Visit:
    request = InboundRequest(head, started_at=0.0, started_time=0.0)
    if complete:
        request.end()
    return Visit(request, RequestIdentity(b"0123456789abcdef", b"r-1"), Origin("192.0.2.7"))


def test_a_refusal_is_a_whole_answer_and_noted_in_the_visit() -> None:
    visit, client = visit_of(head_of(target=b"/%61?secret=1")), Client()
    visit.lines.append(b"Vary: Origin\r\n")

    assert refuse(visit, NO_ROUTE, client)

    answer = Answer(client.octets)
    document = orjson.loads(answer.body)
    assert (answer.status, answer.fields["X-Request-ID"], answer.fields["Vary"]) == (404, "r-1", "Origin")
    assert (document["code"], document["detail"]) == ("ROUTE_NOT_FOUND", "nothing is served here")
    assert (document["instance"], document["request_id"]) == ("/a", "r-1")
    assert (visit.status, visit.code, visit.response_bytes) == (404, "ROUTE_NOT_FOUND", len(answer.body))


def test_head_is_told_the_length_of_a_refusal_and_nothing_of_it() -> None:
    of_get, of_head = Client(), Client()
    refuse(visit_of(head_of()), NO_ROUTE, of_get)
    visit = visit_of(head_of(method=b"HEAD"))
    refuse(visit, NO_ROUTE, of_head)

    head, body = of_get.octets.split(b"\r\n\r\n")
    assert of_head.octets == head + b"\r\n\r\n"
    assert (int(Answer(of_get.octets).fields["Content-Length"]), visit.response_bytes) == (len(body), 0)


@pytest.mark.parametrize(
    "target", [pytest.param(b"/a/../b", id="an ambiguous path"), pytest.param(b"/a%2F..%2Fb", id="an encoded one")]
)
def test_no_instance_is_named_by_a_path_that_can_be_read_in_two_ways(target: bytes) -> None:
    client = Client()
    refuse(visit_of(head_of(target=target)), NO_ROUTE, client)
    assert "instance" not in orjson.loads(Answer(client.octets).body)


@pytest.mark.parametrize(
    ("head", "complete", "kept", "connection"),
    [
        pytest.param(head_of(), True, True, None, id="1.1 is kept without a word"),
        pytest.param(head_of(CLOSE), True, False, "close", id="1.1 that wants an end"),
        pytest.param(head_of(version="1.0"), True, False, "close", id="1.0 ends"),
        pytest.param(head_of(KEEP, version="1.0"), True, True, "keep-alive", id="1.0 is told that it is kept"),
        pytest.param(head_of(), False, False, "close", id="a body that is still to come has no taker"),
        pytest.param(bad_request("no"), True, False, "close", id="after a head that was not let in nothing is sure"),
    ],
)
def test_a_connection_is_kept_after_a_refusal_if_the_next_request_can_be_told(
    head: Head | Refusal, complete: bool, kept: bool, connection: str | None
) -> None:
    client = Client()
    assert refuse(visit_of(head, complete=complete), NO_ROUTE, client) is kept
    assert Answer(client.octets).fields.get("Connection") == connection
    assert client.cut == ""


def test_a_head_that_was_not_let_in_is_answered_without_a_path() -> None:
    visit, client = visit_of(bad_request("no")), Client()
    refuse(visit, bad_request("two hosts"), client)
    answer = Answer(client.octets)
    assert answer.status == 400
    assert "instance" not in orjson.loads(answer.body)
    assert orjson.loads(answer.body)["detail"] == "two hosts"


@pytest.mark.parametrize(
    ("head", "complete", "kept", "last"),
    [
        pytest.param(head_of(method=b"OPTIONS"), True, True, b"", id="kept"),
        pytest.param(head_of(CLOSE, method=b"OPTIONS"), True, False, b"Connection: close\r\n", id="the client's end"),
        pytest.param(head_of(method=b"OPTIONS"), False, False, b"Connection: close\r\n", id="a body to come"),
        pytest.param(
            head_of(KEEP, method=b"OPTIONS", version="1.0"),
            *(True, True, b"Connection: keep-alive\r\n"),
            id="kept for an HTTP/1.0 client",
        ),
    ],
)
def test_a_preflight_is_answered_with_lines_and_no_body(head: Head, complete: bool, kept: bool, last: bytes) -> None:
    visit, client = visit_of(head, complete=complete), Client()
    assert answer_preflight(visit, b"Vary: Origin\r\n", client) is kept
    before, dates, after = re.split(rb"((?:Date: [^\r]+\r\n)+)", client.octets)
    assert before + after == b"HTTP/1.1 204 No Content\r\n" + last + b"X-Request-ID: r-1\r\nVary: Origin\r\n\r\n"
    assert dates.count(b"\n") == 1
    assert (visit.status, visit.code, visit.response_bytes) == (204, "", 0)


@pytest.mark.parametrize("keep_alive", [True, False], ids=["kept", "ended"])
def test_an_exchange_that_went_well_says_itself_whether_the_connection_is_kept(keep_alive: bool) -> None:
    visit, client = visit_of(head_of()), Client()
    assert finish(visit, Outcome(200, stage="body", begun=True, keep_alive=keep_alive), client) is keep_alive
    assert (client.octets, client.cut) == (b"", "")
    assert (visit.status, visit.code) == (200, "")


@pytest.mark.parametrize("failure", FAILURES, ids=lambda reason: CATALOGUE[reason].name)
def test_a_failure_before_the_answer_is_a_refusal(failure: reasons.ErrorReason.ValueType) -> None:
    visit, client = visit_of(head_of()), Client()
    assert finish(visit, Outcome(0, failure, "response"), client)
    answer, spec = Answer(client.octets), CATALOGUE[failure]
    assert (answer.status, orjson.loads(answer.body)["code"]) == (spec.http_status, spec.name)
    assert (visit.status, visit.code, visit.stage) == (spec.http_status, spec.name, "response")
    assert client.cut == ""


@pytest.mark.parametrize("failure", FAILURES, ids=lambda reason: CATALOGUE[reason].name)
@pytest.mark.parametrize(("version", "cut"), [("1.1", "end"), ("1.0", "reset")])
def test_a_failure_within_the_answer_is_a_cut_that_the_client_cannot_take_for_its_end(
    failure: reasons.ErrorReason.ValueType, version: str, cut: str
) -> None:
    visit, client = visit_of(head_of(KEEP, version=version)), Client()
    assert not finish(visit, Outcome(200, failure, "body", begun=True, keep_alive=True), client)
    assert (client.octets, client.cut) == (b"", cut)
    assert (visit.status, visit.code, visit.stage) == (200, CATALOGUE[failure].name, "body")


@pytest.mark.parametrize(
    "failure", [None, reasons.ERROR_REASON_DOWNSTREAM_RESET], ids=["by itself", "and the upstream failed"]
)
def test_a_client_that_went_away_is_answered_nothing_and_blamed_on_nobody(
    failure: reasons.ErrorReason.ValueType | None,
) -> None:
    visit, client = visit_of(head_of()), Client()
    assert not finish(visit, Outcome(200, failure, "body", begun=True, keep_alive=True, client_gone=True), client)
    assert (client.octets, client.cut) == (b"", "end")
    assert (visit.code, visit.stage) == ("", "body")


@pytest.mark.parametrize("failure", FAILURES, ids=lambda reason: CATALOGUE[reason].name)
def test_only_a_timeout_tells_its_stage(failure: reasons.ErrorReason.ValueType) -> None:
    timed_out = failure == reasons.ERROR_REASON_DOWNSTREAM_TIMEOUT
    assert failure_refusal(failure, "connect").members == ({"stage": "connect"} if timed_out else {})


def test_each_failure_has_a_sentence_of_its_own() -> None:
    assert len({failure_refusal(failure, "").detail for failure in FAILURES}) == len(FAILURES)
