"""What a reader lets pass is whole frames in order, however the octets come, and it agrees with another reader."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ProtocolError
from websockets.frames import Close
from websockets.protocol import CLIENT, OPEN, SERVER, Protocol

from edge.websocket.frames import (
    BINARY,
    CONTINUATION,
    NO_STATUS,
    PING,
    PONG,
    TEXT,
    FrameReader,
    close_frame,
    may_be_sent,
)
from tests.edge.websocket.octets import KEY, close, frame

MOST = 1000


def reader(*, masked: bool = True, extended: bool = False) -> FrameReader:
    return FrameReader(masked=masked, extended=extended, max_message_bytes=MOST)


def read(octets: bytes, *pieces: int, masked: bool = True) -> tuple[bytes, int, str, int]:
    """What passes of octets that come in pieces of these sizes: the octets, the fault's code and words, the Close."""
    found, passed, at = reader(masked=masked), b"", 0
    for size in (*pieces, len(octets)):
        passed += found.feed(octets[at : at + size])
        at += size
    return passed, found.fault.code if found.fault else 0, found.fault.detail if found.fault else "", found.closed


HELLO = frame(b"hello")
WELL_FORMED = {
    "an empty text": frame(),
    "a text": HELLO,
    "two of them": HELLO * 2,
    "the longest short length": frame(b"x" * 125),
    "the shortest middle length": frame(b"x" * 126),
    "a message of as much as is taken": frame(b"x" * MOST, BINARY),
    "fragments": frame(b"a", final=False) + frame(b"b", CONTINUATION, final=False) + frame(b"c", CONTINUATION),
    "a ping between fragments": frame(b"a", final=False) + frame(b"?", PING) + frame(b"b", CONTINUATION),
    "a ping and a pong": frame(b"?", PING) + frame(b"?", PONG),
    "the longest ping": frame(b"x" * 125, PING),
    "text that is none": frame(b"\xff\xfe"),
}
REFUSED = {
    "an unmasked frame": (frame(b"hello", mask=b""), 1002),
    "an opcode that nobody knows": (frame(opcode=0x3), 1002),
    "a control opcode that nobody knows": (frame(opcode=0xB), 1002),
    "the first reserved bit": (frame(reserved=4), 1002),
    "the second reserved bit": (frame(reserved=2), 1002),
    "the third reserved bit": (frame(reserved=1), 1002),
    "a fragmented ping": (frame(opcode=PING, final=False), 1002),
    "a long ping": (frame(b"x" * 126, PING), 1002),
    "a continuation of nothing": (frame(opcode=CONTINUATION), 1002),
    "a message inside another": (frame(b"a", final=False) + frame(b"b"), 1002),
    "a Close with half a code": (close(b"\x03"), 1002),
    "a Close with a code that is never sent": (close((1006).to_bytes(2, "big")), 1002),
    "a Close with a code of nobody": (close((2999).to_bytes(2, "big")), 1002),
    "a Close whose reason is no text": (close(b"\x03\xe8\xff"), 1007),
    "a middle length for a short frame": (bytes((0x81, 0xFE, 0, 5)) + KEY + b"hello", 1002),
    "a long length for a middle frame": (bytes((0x81, 0xFF)) + (300).to_bytes(8, "big") + KEY + bytes(300), 1002),
    "a length of 2^63": (bytes((0x82, 0xFF)) + (1 << 63).to_bytes(8, "big") + KEY, 1002),
    "a message that is too big by one": (frame(b"x" * (MOST + 1)), 1009),
    "a length of 2^63 - 1": (bytes((0x82, 0xFF)) + ((1 << 63) - 1).to_bytes(8, "big") + KEY, 1009),
    "fragments that are too big together": (
        frame(b"x" * MOST, final=False) + frame(b"x", CONTINUATION, final=False),
        1009,
    ),
}


@pytest.mark.parametrize("octets", WELL_FORMED.values(), ids=WELL_FORMED.keys())
def test_passes_as_it_came_wherever_it_is_cut(octets: bytes) -> None:
    for cut in range(len(octets)):
        assert read(octets, cut) == (octets, 0, "", 0)


@pytest.mark.parametrize(("octets", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_is_refused_between_two_frames_wherever_it_is_cut(octets: bytes, code: int) -> None:
    whole = read(HELLO + octets)
    assert whole[1] == code
    for cut in range(len(HELLO + octets)):
        assert read(HELLO + octets, cut) == whole
    passed = whole[0]
    again = reader()
    assert again.feed(passed) == passed
    assert again.fault is None
    assert again.between_frames


@pytest.mark.parametrize(("octets", "_code"), REFUSED.values(), ids=REFUSED.keys())
def test_nothing_passes_after_what_is_refused(octets: bytes, _code: int) -> None:
    assert read(octets)[0] == read(octets + HELLO)[0]


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"", NO_STATUS),
        (b"\x03\xe8", 1000),
        (b"\x0f\xa1bye", 4001),
        ("\x00tschüß".encode().replace(b"\x00", b"\x03\xe9"), 1001),
    ],
)
def test_a_close_passes_whole_and_nothing_behind_it(payload: bytes, code: int) -> None:
    octets = HELLO + close(payload)
    for cut in range(len(octets)):
        assert read(octets + HELLO, cut) == (octets, 0, "", code)


def test_a_close_that_comes_octet_by_octet_is_held_until_it_is_whole() -> None:
    found, octets = reader(), close(b"\x03\xe8bye")
    assert [found.feed(bytes((each,))) for each in octets] == [*[b""] * (len(octets) - 1), octets]


def test_a_payload_passes_before_its_frame_has_ended() -> None:
    found, octets = reader(), frame(b"x" * 900)
    assert found.feed(octets[:500]) == octets[:500]
    assert not found.between_frames
    assert found.feed(octets[500:]) == octets[500:]
    assert found.between_frames


def test_frames_and_messages_are_counted() -> None:
    found = reader()
    found.feed(frame(b"a", final=False) + frame(b"?", PING) + frame(b"b", CONTINUATION) + HELLO[:-1])
    assert (found.frames, found.messages) == (4, 2)


def test_no_more_frames_begin_than_are_allowed() -> None:
    found = reader()
    assert found.feed(HELLO * 3, 2) == HELLO * 2
    assert found.fault is not None
    assert found.fault.code == 1008


def test_the_rest_of_a_frame_is_none() -> None:
    found = reader()
    found.feed(HELLO[:-1], 1)
    assert found.feed(HELLO[-1:], 0) == HELLO[-1:]
    assert found.fault is None


def test_reserved_bits_belong_to_an_extension_that_was_agreed_on() -> None:
    octets = frame(reserved=4)
    assert reader(extended=True).feed(octets) == octets


@pytest.mark.parametrize("key", [b"", KEY])
def test_our_own_close_can_be_read(key: bytes) -> None:
    octets = close_frame(4401, "KEY_INVALID", key)
    assert read(octets, masked=bool(key)) == (octets, 0, "", 4401)
    other = Protocol(SERVER if key else CLIENT, state=OPEN)
    other.receive_data(octets)
    assert other.close_rcvd == Close(4401, "KEY_INVALID")


def test_codes_may_be_sent_as_another_library_has_it() -> None:
    def takes(code: int) -> bool:
        try:
            Close(code, "").check()
        except ProtocolError:
            return False
        return True

    assert [code for code in range(65_536) if may_be_sent(code) != takes(code)] == []


# -- the same octets for another reader ----------------------------------------------------------------------------


def other_reads(octets: bytes, *, masked: bool) -> tuple[int, int, int]:
    """What `websockets` makes of them: how many frames, the Close, the code of a refusal."""
    other = Protocol(SERVER if masked else CLIENT, state=OPEN, max_size=MOST)
    other.receive_data(octets)
    frames = other.events_received()
    code = other.close_sent.code if other.parser_exc is not None and other.close_sent is not None else 0
    closed = other.close_rcvd.code if other.close_rcvd is not None else 0
    return len(frames), closed if not code else 0, code


def between_fragments(octets: bytes) -> bool:
    """Whether they have a Close between the fragments of a message, which the other reader refuses and RFC 6455 §5.4
    does not."""
    found = FrameReader(masked=octets[1] >= 0x80, extended=False)
    found.feed(octets)
    return bool(found.closed) and found._message_bytes >= 0


heads = st.builds(
    frame,
    st.binary(max_size=140) | st.sampled_from([b"x" * size for size in (MOST - 1, MOST, MOST + 1)]),
    st.sampled_from([CONTINUATION, TEXT, BINARY, PING, PONG, 0x8, 0x3, 0xF])
    | st.sampled_from([CONTINUATION, TEXT, PING]),
    final=st.booleans(),
    mask=st.sampled_from([KEY, KEY, KEY, b""]),
    reserved=st.sampled_from([0, 0, 0, 0, 4, 1]),
)
closes = st.builds(
    lambda code, reason: close(code.to_bytes(2, "big") + reason),
    st.sampled_from([999, 1000, 1003, 1004, 1005, 1011, 1014, 1015, 2000, 3000, 4401, 5000]),
    st.sampled_from([b"", b"bye", b"\xff", "ü".encode()]),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(heads | closes, max_size=6), st.lists(st.integers(1, 40), max_size=8), st.booleans())
def test_agrees_with_another_reader(frames: list[bytes], pieces: list[int], masked: bool) -> None:
    octets = b"".join(frames)
    assume(not octets or not between_fragments(octets))
    passed, code, _, closed = read(octets, *pieces, masked=masked)
    assert octets.startswith(passed)
    count = reader(masked=masked)
    count.feed(passed)
    assert count.between_frames
    theirs = other_reads(octets, masked=masked)
    # of a frame with two faults each names the one that it meets first
    assert (count.frames, closed, bool(code)) == (*theirs[:2], bool(theirs[2]))


LAX = {"a middle length for a short frame", "a long length for a middle frame", "a length of 2^63"}
"""What RFC 6455 §5.2 forbids and the other reader takes, if it is not too big for it."""


@pytest.mark.parametrize("name", sorted(REFUSED.keys() - LAX))
def test_is_refused_by_the_other_reader_with_the_same_code(name: str) -> None:
    octets, code = REFUSED[name]
    assert other_reads(octets, masked=True)[2] == code


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 200), st.booleans())
def test_any_octets_are_read_the_same_however_they_come(octets: bytes, cut: int, masked: bool) -> None:
    assert read(octets, cut, masked=masked) == read(octets, masked=masked)
