"""A head that is known means what it meant before; what could mean something else is not remembered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.deadlines import Deadlines
from edge.http.answer import CORS, Framing
from edge.upstream.connection import UpstreamConnection
from edge.upstream.known import CAPACITY, MAX_BYTES, KnownAnswer, KnownAnswers
from tests.edge.upstream.receivers import Listening, Unheard

NOTHING: frozenset[bytes] = frozenset()
HEAD = b"HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 2\r\n\r\n"
ANSWER = KnownAnswer.of(200, b"Date: now\r\n", Framing(2, chunked=False), True, True)


def test_a_head_is_known_by_its_octets_and_by_what_was_left_out() -> None:
    known = KnownAnswers()
    known.keep(NOTHING, HEAD, ANSWER)
    assert known.of(NOTHING) == {HEAD: ANSWER}
    assert known.of(CORS) == {}


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"\r\n\r\n", id="an empty line before it"),
        pytest.param(HEAD.replace(b"\r\nDate", b"\nDate"), id="a bare line feed in it"),
        pytest.param(HEAD.replace(b"now", b"n" * MAX_BYTES), id="a long one"),
    ],
)
def test_a_head_that_may_begin_or_end_elsewhere_is_not_remembered(head: bytes) -> None:
    known = KnownAnswers()
    known.keep(NOTHING, head, ANSWER)
    assert known.of(NOTHING) == {}


def test_only_so_many_are_remembered() -> None:
    known = KnownAnswers()
    for number in range(CAPACITY + 1):
        known.keep(NOTHING, HEAD.replace(b"now", b"%d" % number), ANSWER)
    assert len(known.of(NOTHING)) == 1


@pytest.mark.parametrize(
    ("status", "framing", "length", "kept_alive"),
    [
        pytest.param(200, Framing(2, False), 2, b"HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 2\r\n", id="a body"),
        pytest.param(204, Framing(None, False), 0, b"HTTP/1.1 204 No Content\r\nX: y\r\n", id="none at all"),
        pytest.param(
            304, Framing(9, False), 0, b"HTTP/1.1 304 Not Modified\r\nX: y\r\nContent-Length: 9\r\n", id="304"
        ),
    ],
)
def test_a_known_answer_is_ready_to_be_given(status: int, framing: Framing, length: int, kept_alive: bytes) -> None:
    known = KnownAnswer.of(status, b"X: y\r\n", framing, True, True)
    assert (known.length, known.kept_alive) == (length, kept_alive)


statuses = st.sampled_from([b"200 OK", b"204 No Content", b"304 Not Modified", b"404 Not Found", b"103 Hints"])
fields = st.sampled_from(
    [b"", b"Date: now\r\n", b"Content-Length: 2\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n"]
)
bodies = st.sampled_from([b"", b"ok", b"okay", b"2\r\nok\r\n0\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"])
answers = st.builds(
    lambda status, first, second, body: b"HTTP/1.1 %b\r\n%b%b\r\n%b" % (status, first, second, body),
    statuses,
    fields,
    fields,
    bodies,
)


@given(answers, st.lists(st.booleans(), min_size=2, max_size=2), st.integers(0, 60))
def test_whoever_asks_again_is_told_what_a_parser_would_have_told(octets: bytes, heads: list[bool], cut: int) -> None:
    """The second time the head may be known. HEAD and GET have the same heads and other bodies."""
    known = KnownAnswers()
    first = told(UpstreamConnection(Deadlines(), known), octets, len(octets), head_only=heads[0])
    again = told(UpstreamConnection(Deadlines(), known), octets, cut, head_only=heads[1])
    fresh = told(UpstreamConnection(Deadlines(), KnownAnswers()), octets, cut, head_only=heads[1])
    assert again == fresh
    assert first


def told(connection: UpstreamConnection, octets: bytes, cut: int, *, head_only: bool) -> tuple[list[object], bool]:
    """What is told of an answer that comes in two reads, and whether the connection may be used again."""
    receiver = Listening(bodiless=head_only)
    connection.connection_made(Unheard())
    connection.begin(receiver, b"")
    for part in (octets[:cut], octets[cut:]):
        if part and not connection.closed:
            connection.data_received(part)
    return receiver.joined(), connection.reusable
