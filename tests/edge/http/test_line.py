"""The request line as it was sent: one reading, and nothing that the parser would overlook."""

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.http.line import METHODS, RequestLine, read_line
from edge.problems import Refusal

LINE = b"GET /a?b HTTP/1.1\r\n"


def refusal_of(raw: bytes, line_bytes: int = 100) -> tuple[str, str]:
    refusal = read_line(raw, line_bytes)
    assert isinstance(refusal, Refusal), refusal
    return refusal.code, refusal.detail


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        pytest.param(LINE + b"Host: a\r\n", RequestLine(LINE, b"GET", b"/a?b", "1.1"), id="an ordinary one"),
        pytest.param(
            b"PUT http://a/b HTTP/1.0\r\n",
            RequestLine(b"PUT http://a/b HTTP/1.0\r\n", b"PUT", b"http://a/b", "1.0"),
            id="an absolute target by HTTP/1.0",
        ),
        pytest.param(b"\r\n" + LINE, RequestLine(b"\r\n" + LINE, b"GET", b"/a?b", "1.1"), id="behind an empty line"),
        pytest.param(b"\r\n\r\n" + LINE, RequestLine(b"\r\n\r\n" + LINE, b"GET", b"/a?b", "1.1"), id="behind two"),
    ],
)
def test_a_line_is_read(raw: bytes, line: RequestLine) -> None:
    assert read_line(raw, 100) == line


@pytest.mark.parametrize("empty", [b"", b"\r\n", b"\r\n\r\n"], ids=["at once", "behind one", "behind two"])
def test_a_line_is_waited_for_until_it_is_whole(empty: bytes) -> None:
    whole = empty + LINE
    assert [read_line(whole[:cut], 100) for cut in range(len(whole))] == [None] * len(whole)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"GET  /a HTTP/1.1\r\n", id="two spaces before the target"),
        pytest.param(b"GET /a  HTTP/1.1\r\n", id="two spaces behind it"),
        pytest.param(b"GET\t/a HTTP/1.1\r\n", id="a tab"),
        pytest.param(b"GET /a\x0bHTTP/1.1\r\n", id="a vertical tab"),
        pytest.param(b" GET /a HTTP/1.1\r\n", id="a space first"),
        pytest.param(b"GET /a HTTP/1.1 \r\n", id="a space last"),
        pytest.param(b"GET /a b HTTP/1.1\r\n", id="a space in the target"),
        pytest.param("GET /ä HTTP/1.1\r\n".encode(), id="a target that is not ASCII"),
        pytest.param(b"GET /\x00 HTTP/1.1\r\n", id="NUL in the target"),
        pytest.param(b"GET /\x7f HTTP/1.1\r\n", id="DEL in the target"),
        pytest.param(b"GE(T /a HTTP/1.1\r\n", id="a method that is no token"),
        pytest.param(b"GET /a\r\n", id="HTTP/0.9"),
        pytest.param(b"GET /a HTTP/0.9\r\n", id="HTTP/0.9 by name"),
        pytest.param(b"GET /a HTTP/1.2\r\n", id="HTTP/1.2"),
        pytest.param(b"GET /a HTTP/1.10\r\n", id="HTTP/1.10"),
        pytest.param(b"GET /a HTTP/1.1x\r\n", id="a letter behind the version"),
        pytest.param(b"GET /a HTTP/01.1\r\n", id="a zero before the version"),
        pytest.param(b"GET /a HTTP/1\r\n", id="half a version"),
        pytest.param(b"GET /a HTTP/2.0\r\n", id="HTTP/2.0"),
        pytest.param(b"PRI * HTTP/2.0\r\n", id="the preface of HTTP/2"),
        pytest.param(b"GET /a http/1.1\r\n", id="lower case"),
        pytest.param(b"GET /a RTSP/1.1\r\n", id="RTSP"),
        pytest.param(b"SOURCE /a ICE/1.0\r\n", id="ICE"),
        pytest.param(b"GET /a HTTP/1.1\n", id="a bare line feed"),
        pytest.param(b"GET /a HTTP/1.1\r\r\n", id="two carriage returns"),
        pytest.param(b"GET /a\r HTTP/1.1\r\n", id="a carriage return within"),
        pytest.param(b"\n" + LINE, id="a bare line feed first"),
        pytest.param(b"\r" + LINE, id="a bare carriage return first"),
        pytest.param(b"\r\n" * 3 + LINE, id="more empty lines than two"),
        pytest.param(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", id="the PROXY protocol"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\n", id="TLS"),
    ],
)
def test_what_the_parser_would_overlook_is_refused(raw: bytes) -> None:
    assert refusal_of(raw) == ("BAD_REQUEST", "request line is not a method, a target and HTTP/1.1 or 1.0")


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "get", "PROPFIND", "BREW", "M" * 80])
def test_other_methods_are_not_served(method: str) -> None:
    refusal = read_line(f"{method} / HTTP/1.1\r\n".encode(), 100)
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.detail) == ("METHOD_NOT_ALLOWED", "method is not served here")
    assert refusal.fields == ((b"Allow", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),)


LONG = ("URI_TOO_LONG", "request line is longer than 17 octets")
BAD = ("BAD_REQUEST", "request line is not a method, a target and HTTP/1.1 or 1.0")


@pytest.mark.parametrize(
    ("raw", "refusal"),
    [
        pytest.param(b"GET /a?bc HTTP/1.1\r\n", LONG, id="one octet too long"),
        pytest.param(b"G" * 18, LONG, id="one octet too long and not whole"),
        pytest.param(b"\r\n\r\n" + b"G" * 18, LONG, id="behind empty lines"),
        pytest.param(b"GET /aaaaaaaaaaaaaa bc\r\n", LONG, id="wrong only behind the bound"),
        pytest.param(b"GET /aaaaaaaaaaa  \r\n", BAD, id="wrong within it"),
        pytest.param(b"M" * 70_000 + b" / HTTP/1.1\r\n", LONG, id="a long method"),
    ],
)
def test_a_line_may_be_as_long_as_allowed_and_no_longer(raw: bytes, refusal: tuple[str, str]) -> None:
    assert isinstance(read_line(LINE, 17), RequestLine)
    assert isinstance(read_line(b"\r\n\r\n" + LINE, 17), RequestLine)
    assert refusal_of(raw, 17) == refusal


octets = st.sampled_from(
    [b"GET", b" ", b"/", b"HTTP/1.1", b"HTTP/", b"1", b".", b"0", b"\r", b"\n", b"\r\n", b"x", b"\x16"]
)


@given(st.lists(octets, max_size=9).map(b"".join), st.integers(1, 20))
def test_a_line_is_judged_the_same_however_it_comes(raw: bytes, line_bytes: int) -> None:
    said = [read_line(raw[:cut], line_bytes) for cut in range(len(raw) + 1)]
    first = next((each for each in said if each is not None), None)
    assert read_line(raw, line_bytes) == first
    if isinstance(first, Refusal):
        assert said[-1] == first


targets = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=30).map(lambda tail: f"/{tail}")


@given(st.sampled_from(sorted(METHODS)), targets, st.sampled_from(["1.0", "1.1"]))
def test_the_parser_takes_every_line_and_reads_the_same(method: bytes, target: str, version: str) -> None:
    """So that a head whose fields it has seen need not be shown to it again."""
    seen: list[bytes] = []

    class Noting:
        def on_url(self, url: bytes) -> None:
            seen.append(url)

    raw = b"%b %b HTTP/%b\r\n" % (method, target.encode(), version.encode())
    parser = httptools.HttpRequestParser(Noting())
    parser.feed_data(raw + b"Host: a\r\n\r\n")
    assert read_line(raw, 100) == (raw, parser.get_method(), b"".join(seen), parser.get_http_version())
