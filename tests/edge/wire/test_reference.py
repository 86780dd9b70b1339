"""The readers by which all else is judged: what they read, and that they read nothing else."""

import pytest

from tests.edge.wire.answers import Unreadable, read_answers
from tests.edge.wire.reference import read_requests

HEAD = b"POST /x HTTP/1.1\r\nHost: a\r\n"


def test_requests_are_read_one_after_another() -> None:
    reading = read_requests(
        HEAD
        + b"Content-Length: 5\r\n\r\nhello"
        + b"\r\n"
        + HEAD
        + b'Transfer-Encoding: chunked\r\n\r\n3;a="b"\r\nhel\r\n2\r\nlo\r\n0\r\nX-A: b\r\n\r\n'
        + b"GET / HTTP/1.0\r\nX-A:  b \tc\t\r\n\r\n"
    )
    first, second, third = reading.requests
    assert (first.body, first.chunked, first.complete) == (b"hello", False, True)
    assert (second.body, second.extensions, second.trailers) == (b"hello", True, ((b"X-A", b"b"),))
    assert (third.method, third.target, third.minor, third.fields) == (b"GET", b"/", 0, ((b"X-A", b"b \tc"),))
    assert (reading.fault, reading.rest) == ("", b"")


@pytest.mark.parametrize(
    "octets",
    [HEAD, HEAD + b"X", b"GET", HEAD + b"\r"],
    ids=["no end", "part of a field", "part of a line", "half an end"],
)
def test_a_head_in_part_is_no_request_yet(octets: bytes) -> None:
    assert read_requests(octets) == read_requests.__wrapped__(octets)
    assert (read_requests(octets).requests, read_requests(octets).fault) == ((), "")
    assert read_requests(octets).rest == octets


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 5\r\n\r\nhel",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n0\r\n",
    ],
    ids=["by length", "half a chunk", "no last chunk", "no end"],
)
def test_a_body_in_part_is_read_so_far(body: bytes) -> None:
    (request,) = read_requests(HEAD + body).requests
    assert (request.body, request.complete, request.fault) == (b"hel", False, "")


@pytest.mark.parametrize(
    ("octets", "fault"),
    [
        (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "request line"),
        (b"GET / HTTP/1.1\nHost: a\r\n\r\n", "request line"),
        (b"GET / RTSP/1.0\r\nHost: a\r\n\r\n", "request line"),
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", "field line"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", "field line"),
        (b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", "field line"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: b\rc\r\n\r\n", "field line"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: b\x00\r\n\r\n", "field line"),
        (b"GET / HTTP/1.1\r\n\r\n", "Host"),
        (HEAD + b"Host: a\r\n\r\n", "Host"),
        (HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "Transfer-Encoding"),
        (HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n", "Transfer-Encoding"),
        (HEAD + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\n", "Content-Length"),
        (HEAD + b"Content-Length: +5\r\n\r\n", "Content-Length"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n", "chunk size"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n", "chunk size"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5;=a\r\nhello\r\n0\r\n\r\n", "chunk size"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n0\r\n\r\n", "end of a chunk"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-A\r\n\r\n", "field line"),
    ],
)
def test_what_deviates_is_a_fault(octets: bytes, fault: str) -> None:
    reading = read_requests(octets + HEAD + b"\r\n")
    assert reading.fault == fault
    assert not any(request.complete for request in reading.requests)


def test_answers_are_read_by_what_was_asked() -> None:
    octets = (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
        b"HTTP/1.1 100 Continue\r\n\r\n"
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"
    )
    first, second = read_answers(octets, [True, False])
    assert (first.status, first.body, first.interim) == (200, b"", 0)
    assert (second.status, second.body, second.interim) == (400, b"no", 1)


@pytest.mark.parametrize(
    "octets",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\n",
        b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=["short", "one too many", "interim only", "a field without a colon", "no end", "an empty line first"],
)
def test_what_is_no_sequence_of_answers_cannot_be_read(octets: bytes) -> None:
    with pytest.raises(Unreadable):
        read_answers(octets, [False])
