"""The head of an answer: what of the upstream goes on, and one framing that the client cannot misread."""

from http import HTTPStatus

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.http.answer import (
    CONTINUE,
    CORS,
    LAST_CHUNK,
    NO_BODY,
    WITHHELD,
    Framing,
    answer_head,
    chunk,
    date_line,
    field_lines,
    frame_for_client,
    read_answer,
)

Fields = tuple[tuple[bytes, bytes], ...]
UNTIL_CLOSE = Framing(None, chunked=False)
CHUNKED = Framing(None, chunked=True)


@pytest.mark.parametrize(
    ("upstream", "bodiless", "http_11", "framed"),
    [
        pytest.param(Framing(5, False), False, True, Framing(5, False), id="a length is kept"),
        pytest.param(Framing(5, False), False, False, Framing(5, False), id="a length is kept for HTTP 1.0"),
        pytest.param(Framing(0, False), False, True, Framing(0, False), id="an empty body has a length"),
        pytest.param(CHUNKED, False, True, CHUNKED, id="chunks stay chunks"),
        pytest.param(CHUNKED, False, False, UNTIL_CLOSE, id="HTTP 1.0 knows no chunks"),
        pytest.param(UNTIL_CLOSE, False, True, CHUNKED, id="an end by closing becomes chunks"),
        pytest.param(UNTIL_CLOSE, False, False, UNTIL_CLOSE, id="an end by closing stays one for HTTP 1.0"),
        pytest.param(Framing(500, False), True, True, Framing(500, False), id="HEAD has the length of what GET has"),
        pytest.param(CHUNKED, True, True, UNTIL_CLOSE, id="no chunks where there is no body"),
        pytest.param(UNTIL_CLOSE, True, True, UNTIL_CLOSE, id="nothing where there is nothing"),
    ],
)
def test_the_client_gets_a_body_as_it_can_read_it(
    upstream: Framing, bodiless: bool, http_11: bool, framed: Framing
) -> None:
    assert frame_for_client(upstream, 200, bodiless=bodiless, http_11=http_11) == framed


@pytest.mark.parametrize("upstream", [Framing(5, False), CHUNKED, UNTIL_CLOSE], ids=repr)
def test_no_content_has_no_framing_either(upstream: Framing) -> None:
    assert frame_for_client(upstream, 204, bodiless=True, http_11=True) == NO_BODY


DATE = b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"


def test_a_date_is_written_as_http_writes_it() -> None:
    assert date_line(784_111_777) == DATE


@pytest.mark.parametrize(
    ("fields", "lines", "dated"),
    [
        pytest.param(((b"X-A", b"1"),), b"X-A: 1\r\n", False, id="an answer without one"),
        pytest.param(((b"date", b"then"), (b"X-A", b"1")), b"date: then\r\nX-A: 1\r\n", True, id="with one"),
        pytest.param(((b"Connection", b"date"), (b"Date", b"then")), b"", False, id="with one that ends here"),
    ],
)
def test_it_is_told_whether_an_answer_has_a_date(fields: Fields, lines: bytes, dated: bool) -> None:
    assert read_answer(fields) == (UNTIL_CLOSE, lines, dated)


@pytest.mark.parametrize(
    ("fields", "framing"),
    [
        pytest.param((), UNTIL_CLOSE, id="neither"),
        pytest.param(((b"Content-Length", b"0"),), Framing(0, False), id="no octets"),
        pytest.param(((b"CONTENT-LENGTH", b"9" * 18),), Framing(10**18 - 1, False), id="the longest body"),
        pytest.param(((b"Transfer-Encoding", b" Chunked "),), CHUNKED, id="chunks"),
    ],
)
def test_a_body_is_delimited_as_the_fields_say(fields: Fields, framing: Framing) -> None:
    assert read_answer(fields) == (framing, b"", False)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param(((b"Content-Length", b"2"), (b"content-length", b"2")), id="two lengths, even equal ones"),
        pytest.param(((b"Content-Length", b"0"), (b"content-length", b"0")), id="two lengths of nothing"),
        pytest.param(((b"Content-Length", b"2"), (b"Transfer-Encoding", b"chunked")), id="length and coding"),
        pytest.param(((b"Transfer-Encoding", b"chunked"), (b"Content-Length", b"0")), id="coding and length"),
        pytest.param(((b"Transfer-Encoding", b"chunked"),) * 2, id="chunked twice"),
        pytest.param(((b"Transfer-Encoding", b"gzip, chunked"),), id="two codings"),
        pytest.param(((b"Transfer-Encoding", b"gzip"),), id="another coding"),
        pytest.param(((b"Content-Length", b""),), id="an empty length"),
        pytest.param(((b"Content-Length", b"-1"),), id="a signed length"),
        pytest.param(((b"Content-Length", b"2, 2"),), id="a list of lengths"),
        pytest.param(((b"Content-Length", b"0x2"),), id="a length in hex"),
        pytest.param(((b"Content-Length", b"9" * 19),), id="a length beyond any body"),
    ],
)
def test_an_answer_that_contradicts_itself_is_none(fields: Fields) -> None:
    assert read_answer(fields) is None


def test_fields_for_the_client_go_on_as_spelled_and_those_for_us_end_here() -> None:
    ours = (
        b"Connection Proxy-Connection Keep-Alive TE Trailer Upgrade Proxy-Authenticate X-Request-ID "
        b"RateLimit RateLimit-Policy".split()
    )
    theirs = ((b"Set-Cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"WWW-Authenticate", b"Basic"), (b"X-EMPTY", b""))
    answer = read_answer((*((name, b"x") for name in ours), *theirs))
    assert answer is not None
    assert answer[1] == b"Set-Cookie: a=1\r\nset-cookie: b=2\r\nWWW-Authenticate: Basic\r\nX-EMPTY: \r\n"


@pytest.mark.parametrize(
    "connection",
    [b"X-Hop", b"close, x-hop", b"keep-alive\t,\tX-HOP", b",x-hop,", b"x-hop, x-absent"],
    ids=repr,
)
def test_fields_that_connection_names_end_here(connection: bytes) -> None:
    """Wherever they stand: before it as well (RFC 9110 §7.6.1)."""
    answer = read_answer(((b"X-Hop", b"1"), (b"Connection", connection), (b"x-hop", b"2"), (b"X-Other", b"3")))
    assert answer == (UNTIL_CLOSE, b"X-Other: 3\r\n", False)


def test_the_options_of_connection_itself_name_no_field() -> None:
    fields = ((b"Connection", b"close, keep-alive"), (b"Close", b"1"), (b"X-Other", b"2"))
    assert read_answer(fields) == (UNTIL_CLOSE, b"Close: 1\r\nX-Other: 2\r\n", False)


@pytest.mark.parametrize(
    ("withheld", "lines"),
    [
        pytest.param(frozenset(), b"access-control-ALLOW-origin: *\r\nVary: Accept\r\n", id="by the upstream alone"),
        pytest.param(CORS, b"Vary: Accept\r\n", id="by the edge alone"),
    ],
)
def test_pages_of_other_origins_are_answered_by_one_of_two(withheld: frozenset[bytes], lines: bytes) -> None:
    fields = ((b"access-control-ALLOW-origin", b"*"), (b"Vary", b"Accept"))
    assert read_answer(fields, withheld=withheld) == (UNTIL_CLOSE, lines, False)


@pytest.mark.parametrize("own_cors", [False, True])
@pytest.mark.parametrize("own_limits", [False, True])
@pytest.mark.parametrize("own_hsts", [False, True])
def test_what_the_edge_says_itself_is_left_out_and_all_else_goes_on(
    own_cors: bool, own_limits: bool, own_hsts: bool
) -> None:
    fields = (
        (b"X-RateLimit-Limit", b"9"),
        (b"Access-Control-Max-Age", b"1"),
        (b"Strict-Transport-Security", b"max-age=1"),
        (b"X-RateLimit-Scope", b"a"),
    )
    left = [field for field, own in zip(fields, (own_limits, own_cors, own_hsts, False), strict=True) if not own]
    withheld = WITHHELD[own_cors, own_limits, own_hsts]
    assert read_answer(fields, withheld=withheld) == (UNTIL_CLOSE, field_lines(left), False)


@pytest.mark.parametrize("name", sorted(CORS), ids=bytes.decode)
def test_no_word_of_the_upstream_stands_beside_the_edges_on_cross_origin_requests(name: bytes) -> None:
    assert read_answer(((name.title(), b"x"),), withheld=CORS) == (UNTIL_CLOSE, b"", False)


@pytest.mark.parametrize("status", HTTPStatus, ids=lambda status: str(status.value))
def test_a_known_status_has_its_phrase(status: HTTPStatus) -> None:
    head = answer_head(status.value, b"", UNTIL_CLOSE, added=b"", keep_alive=True, http_11=True)
    assert head == f"HTTP/1.1 {status.value} {status.phrase}\r\n\r\n".encode()


def test_an_unknown_status_has_an_empty_phrase() -> None:
    """The space before it stays (RFC 9112 §4)."""
    head = answer_head(299, b"", UNTIL_CLOSE, added=b"", keep_alive=True, http_11=True)
    assert head == b"HTTP/1.1 299 \r\n\r\n"


@pytest.mark.parametrize(
    ("framing", "line"),
    [
        pytest.param(Framing(5, False), b"Content-Length: 5\r\n", id="a length"),
        pytest.param(Framing(0, False), b"Content-Length: 0\r\n", id="no octets"),
        pytest.param(CHUNKED, b"Transfer-Encoding: chunked\r\n", id="chunks"),
        pytest.param(UNTIL_CLOSE, b"", id="neither"),
    ],
)
@pytest.mark.parametrize(
    ("keep_alive", "http_11", "connection"),
    [
        pytest.param(True, True, b"", id="1.1 is kept without a word"),
        pytest.param(False, True, b"Connection: close\r\n", id="1.1 is told of the end"),
        pytest.param(True, False, b"Connection: keep-alive\r\n", id="1.0 is told that it is kept"),
        pytest.param(False, False, b"Connection: close\r\n", id="1.0 is told of the end"),
    ],
)
def test_a_head_is_the_answers_lines_its_framing_and_what_the_edge_adds(
    framing: Framing, line: bytes, keep_alive: bool, http_11: bool, connection: bytes
) -> None:
    head = answer_head(200, b"A: 1\r\n", framing, added=b"B: 2\r\n", keep_alive=keep_alive, http_11=http_11)
    assert head == b"HTTP/1.1 200 OK\r\nA: 1\r\n" + line + connection + b"B: 2\r\n\r\n"


def test_fields_are_written_a_line_each() -> None:
    assert field_lines(()) == b""
    assert field_lines(((b"A", b"1"), (b"B", b""))) == b"A: 1\r\nB: \r\n"


def test_the_go_ahead_is_a_whole_answer() -> None:
    assert CONTINUE == b"HTTP/1.1 100 Continue\r\n\r\n"


class Read:
    """What a client's parser makes of an answer."""

    def __init__(self, octets: bytes) -> None:
        self.fields: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.complete = False
        parser = httptools.HttpResponseParser(self)
        parser.feed_data(octets)
        self.status = parser.get_status_code()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value))

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.complete = True


names = st.from_regex(rb"X-[A-Za-z0-9_-]{1,10}", fullmatch=True).filter(lambda name: name.lower() != b"x-request-id")
# What a parser lets through: no control octets, no space at the ends.
values = st.from_regex(rb"(?:[!-~\x80-\xff](?:[ -~\x80-\xff]{0,15}[!-~\x80-\xff])?)?", fullmatch=True)
pieces = st.lists(st.binary(min_size=1, max_size=40), max_size=5)


@given(st.integers(200, 599), st.lists(st.tuples(names, values), max_size=5), pieces, st.booleans(), st.booleans())
def test_what_is_written_parses_back(
    status: int, fields: list[tuple[bytes, bytes]], pieces: list[bytes], chunked: bool, keep_alive: bool
) -> None:
    read = read_answer(fields)
    assert read is not None
    body = b"".join(pieces)
    framing = CHUNKED if chunked else Framing(len(body), chunked=False)
    head = answer_head(status, read[1], framing, added=b"", keep_alive=keep_alive, http_11=True)
    sent = b"".join(map(chunk, pieces)) + LAST_CHUNK if chunked else body

    answer = Read(head if status in (204, 304) else head + sent)

    assert answer.status == status
    assert answer.fields[: len(fields)] == fields
    assert answer.complete
    assert answer.body == (b"" if status in (204, 304) else body)
    assert ((b"Connection", b"close") in answer.fields) is not keep_alive
