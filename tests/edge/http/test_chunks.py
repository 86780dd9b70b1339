"""Where a chunked body ends, and that neither extensions nor trailers go on without end."""

from itertools import pairwise

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.http.chunks import BadChunks, Chunks

NEXT = b"GET / HTTP/1.1\r\n\r\n"


def extent_of(*pieces: bytes, extension_bytes: int = 100, trailer_bytes: int = 100) -> int:
    """How many octets of all pieces belong to the body; only the last piece may go beyond it."""
    chunks = Chunks(extension_bytes, trailer_bytes)
    return sum(chunks.extent(piece) for piece in pieces)


BODIES = {
    "nothing": b"0\r\n\r\n",
    "one chunk": b"5\r\nhello\r\n0\r\n\r\n",
    "several": b"1\r\na\r\n0A\r\n0123456789\r\n0\r\n\r\n",
    "upper and lower case": b"a\r\n0123456789\r\nA\r\n0123456789\r\n000\r\n\r\n",
    "data that look like an end": b"b\r\n\r\n0\r\n\r\n\r\n\r\n\r\n0\r\n\r\n",
    "extensions": b'1;a\r\nx\r\n1;a=b;c="d;\\"e"\r\nx\r\n0;last\r\n\r\n',
    "trailers": b"1\r\nx\r\n0\r\nX-A: 1\r\nX-B: 2\r\n\r\n",
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_ends_at_the_same_octet_however_it_comes(name: str) -> None:
    body = BODIES[name]
    whole = body + NEXT
    for first in range(len(body)):
        for second in range(first, len(body)):
            cuts = (0, first, second, len(whole))
            assert extent_of(*(whole[a:b] for a, b in pairwise(cuts))) == len(body)


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_has_not_ended_takes_everything(name: str) -> None:
    body = BODIES[name]
    assert all(extent_of(body[:cut]) == cut for cut in range(len(body)))


NO_SIZES = [b"", b"0x5", b"+5", b"-1", b"5 ", b" 5", b"5\t;a", b"5;", b"5;=b", b"5;a=", b"5; a", b'5;a="b', b'5;a="\n"']
NO_SIZES += [b"5\r", b"5;a\x00", b"5;a\rb", b"g", b"5_0", b"100000000", b"FFFFFFFFFFFFFFFF1"]


@pytest.mark.parametrize("line", NO_SIZES, ids=repr)
def test_what_is_no_size_is_refused(line: bytes) -> None:
    with pytest.raises(BadChunks):
        extent_of(line + b"\r\n")


def test_a_bare_line_feed_ends_no_size() -> None:
    with pytest.raises(BadChunks):
        extent_of(b"5\nhello\r\n")


def test_extensions_are_bounded_over_the_whole_body() -> None:
    body = b"1;" + b"e" * 24 + b"\r\nx\r\n"
    assert extent_of(body * 4) == 4 * len(body)
    with pytest.raises(BadChunks):
        extent_of(body * 4 + b"1;e\r\n")
    with pytest.raises(BadChunks):
        extent_of(*[body] * 4, b"1;e\r\n")


def test_trailers_are_bounded() -> None:
    line = b"X: 12345\r\n"
    assert extent_of(b"0\r\n" + line * 10 + b"\r\n") == 105
    with pytest.raises(BadChunks):
        extent_of(b"0\r\n" + line * 11 + b"\r\n")


@pytest.mark.parametrize("begun", [b"", b"0\r\n"], ids=["a size", "a trailer"])
def test_a_line_without_end_is_not_gathered(begun: bytes) -> None:
    octets = [b"x"] * 100
    assert extent_of(begun, *octets) == len(begun) + 100
    with pytest.raises(BadChunks):
        extent_of(begun, *octets, *octets)


chunked = st.lists(st.binary(min_size=1, max_size=20), max_size=5).map(
    lambda parts: b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
)
mangled = st.tuples(chunked, st.integers(0, 60), st.sampled_from([b"", b"\r", b"\n", b"\r\n", b"0", b";", b" ", b"x"]))


@given(chunked | mangled.map(lambda given: given[0][: given[1]] + given[2] + given[0][given[1] + 1 :]))
def test_a_body_ends_where_the_parser_ends_it(body: bytes) -> None:
    """What the parser takes and ends, ends here too, at the same octet."""
    ended: list[bool] = []

    class Noting:
        def on_message_complete(self) -> None:
            ended.append(True)

    parser = httptools.HttpRequestParser(Noting())
    parser.feed_data(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
    octets = 0
    try:
        while not ended and octets < len(body):
            parser.feed_data(body[octets : octets + 1])
            octets += 1
    except httptools.HttpParserError:
        return
    if ended:
        assert extent_of(body + NEXT) == octets
