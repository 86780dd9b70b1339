"""The oracle can fail: bugs are planted in the edge one at a time, and each is caught."""

from collections.abc import Callable, Mapping
from typing import Any

import httptools
import pytest
from penstock.telemetry.v1.record_pb2 import RequestRecord

from edge import door, exchange, forwarding, journey, visit
from edge.client import ClientConnection
from edge.exchange import Exchange, Outcome
from edge.forwarding import Forwarder
from edge.http import block, head, line, outbound
from edge.http.answer import answer_head
from edge.http.fields import Use, classify
from edge.http.line import RequestLine
from edge.problems import Refusal
from edge.upstream.connection import UpstreamConnection
from edge.visit import Visit
from tests.edge.wire import memory
from tests.edge.wire.case import NEXT, chunked, get, post
from tests.edge.wire.memory import run
from tests.edge.wire.oracle import discrepancies

BODY = b"5\r\nhello\r\n0\r\n\r\n"
BOTH = post(b"Content-Length: 4", b"Transfer-Encoding: chunked", body=BODY) + NEXT
Plant = Callable[[pytest.MonkeyPatch], None]


PARSER = httptools.HttpRequestParser


def lenient(protocol: object) -> object:
    """A parser as lenient as it can be."""
    parser = PARSER(protocol)
    leniencies = ("headers", "chunked_length", "optional_cr_before_lf", "optional_lf_after_cr")
    parser.set_dangerous_leniencies(**{f"lenient_{name}": True for name in leniencies})
    return parser


def _without_length(read: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    return {name: value for name, value in read.items() if name != b"content-length"}


def both_framings(planting: pytest.MonkeyPatch) -> None:
    """Takes a length beside a coding, and passes both on."""
    true = block._framing

    def framing(read: Mapping[bytes, bytes], version: str) -> object:
        found = true(_without_length(read), version)
        return (*found[:2], found[2] + b"Content-Length: 4\r\n") if isinstance(found, tuple) else found

    planting.setattr("edge.client.httptools.HttpRequestParser", lenient)
    planting.setattr(block, "_framing", framing)


def coding_wins(planting: pytest.MonkeyPatch) -> None:
    """Takes a length beside a coding, and passes the coding on."""
    true = block._framing
    planting.setattr("edge.client.httptools.HttpRequestParser", lenient)
    planting.setattr(block, "_framing", lambda read, version: true(_without_length(read), version))


def bare_line_feeds(planting: pytest.MonkeyPatch) -> None:
    """Takes a line feed for the end of a field line."""
    planting.setattr("edge.client.httptools.HttpRequestParser", lenient)


def two_spaces(planting: pytest.MonkeyPatch) -> None:
    """Takes two spaces for one."""
    true = line.read_line
    planting.setattr("edge.client.read_line", lambda raw, most: _widened(true(raw.replace(b"  ", b" "), most)))


def _widened(read: object) -> object:
    return read._replace(octets=read.octets.replace(b" ", b"  ", 1)) if isinstance(read, RequestLine) else read


def no_host(planting: pytest.MonkeyPatch) -> None:
    """Serves a request without a Host."""
    true = head._place
    planting.setattr(head, "_place", lambda target, host, http_11: true(target, host or b"b", http_11))


def other_path(planting: pytest.MonkeyPatch) -> None:
    """Passes on another path than it logs."""
    planting.setattr(outbound, "upstream_path", lambda _route, path: path + "/y")


def trailers(planting: pytest.MonkeyPatch) -> None:
    """Passes a trailer on."""
    planting.setattr(exchange, "LAST_CHUNK", b"0\r\nX-A: b\r\n\r\n")


def no_body(planting: pytest.MonkeyPatch) -> None:
    """Forgets the body of a request."""
    planting.setattr(Exchange, "upload_data", lambda _self, _data: None)


def half_a_body(planting: pytest.MonkeyPatch) -> None:
    """Passes on a part of a chunked body."""
    true = Exchange.upload_data
    planting.setattr(Exchange, "upload_data", lambda self, data: true(self, data[:2]))


def spoofed_identity(planting: pytest.MonkeyPatch) -> None:
    """Passes an identity field of a client on."""
    planting.setattr(block, "classify", lambda name: (name, Use.FORWARD) if name == b"X-User-ID" else classify(name))


def no_identity(planting: pytest.MonkeyPatch) -> None:
    """Does not say who is calling."""
    planting.setattr(forwarding, "identity_lines", lambda _tenant, _principal: b"")


def field_from_nowhere(planting: pytest.MonkeyPatch) -> None:
    """Puts words into a client's mouth."""
    true = block._sort
    planting.setattr(block, "_sort", lambda fields: true([*fields, (b"X-A", b"c")]))


def twice(planting: pytest.MonkeyPatch) -> None:
    """Sends a request again that was answered."""
    true = Forwarder._sent

    async def attempt(self: Forwarder, *given: Any) -> Outcome:
        await true(self, *given)
        return await true(self, *given)

    planting.setattr(Forwarder, "_sent", attempt)


def no_record(planting: pytest.MonkeyPatch) -> None:
    """Passes a request on and logs that it has not."""
    true = visit.record_octets

    def record(visit: Visit, tenant: str, seconds: float) -> bytes:
        made = RequestRecord.FromString(true(visit, tenant, seconds))
        made.upstream = ""
        return made.SerializeToString()

    planting.setattr(memory, "record_octets", record)


def no_end(planting: pytest.MonkeyPatch) -> None:
    """Leaves a connection open for ever."""
    planting.setattr(ClientConnection, "_close", lambda _self: None)


def kept_after_a_refusal(planting: pytest.MonkeyPatch) -> None:
    """Does not say that it ends the connection."""
    planting.setattr(door, "answer_head", lambda *given, **named: answer_head(*given, **{**named, "keep_alive": True}))


def a_fault_of_its_own(planting: pytest.MonkeyPatch) -> None:
    """Fails where it should forward."""

    async def forward(*_given: object) -> Refusal:
        return journey.INTERNAL

    planting.setattr(Forwarder, "forward", forward)


PLANTED: dict[Plant, tuple[bytes, str]] = {
    both_framings: (BOTH, "an upstream cannot read"),
    coding_wins: (BOTH, "was passed on, but is none: Transfer-Encoding"),
    bare_line_feeds: (b"GET /x HTTP/1.1\r\nHost: a\nX-A: b\r\n\r\n" + NEXT, "was passed on, but is none: field line"),
    two_spaces: (b"GET  /x HTTP/1.1\r\nHost: a\r\n\r\n", "was passed on, but is none: request line"),
    no_host: (b"GET /x HTTP/1.1\r\nX-A: b\r\n\r\n", "was passed on, but is none: Host"),
    other_path: (get(), "was logged"),
    trailers: (chunked(BODY), "extensions or trailers were passed on"),
    no_body: (post(b"Content-Length: 5", body=b"hello") + NEXT, "an upstream is owed a body"),
    half_a_body: (chunked(BODY), "2 octets of a body arrived, 5 were logged"),
    spoofed_identity: (get(b"X-User-ID: admin"), "b'X-User-ID' was passed on"),
    no_identity: (get(), "b'x-tenant-id' says []"),
    field_from_nowhere: (get(b"X-A: b"), "fields from nowhere"),
    twice: (get(), "2 requests arrived, 1 were logged"),
    no_record: (get(), "1 requests arrived, 0 were logged"),
    no_end: (get(b"Connection: close"), "the connection does not end"),
    a_fault_of_its_own: (get(), "a fault of the edge: 500"),
    kept_after_a_refusal: (get(b"X A: b"), "the connection is kept after a head that could not be read"),
}


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
async def test_the_oracle_catches(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    octets, sentence = PLANTED[plant]
    (sound,) = await run([[octets]])
    assert discrepancies(sound) == []
    with monkeypatch.context() as planting:
        plant(planting)
        (trace,) = await run([[octets]])
    assert any(sentence in found for found in discrepancies(trace)), discrepancies(trace)


async def test_the_oracle_catches_an_upstream_that_is_owed_a_body(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection would be used again, and the next head be read as the rest of this body."""
    octets = post(b"Content-Length: 5", body=b"he")
    monkeypatch.setattr(UpstreamConnection, "abandon", lambda _self: None)
    (trace,) = await run([[octets]], eager=True)
    assert "an upstream is owed a body by a connection that is in use" in discrepancies(trace)
