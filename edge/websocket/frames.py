"""Reads a WebSocket's frames as they pass (RFC 6455 §5): where each ends, and what must not pass. Pure.

A payload is neither kept nor unmasked nor inflated: it passes as it comes. What cannot be taken back is held until it
is whole: a frame's head, and a Close frame. So whatever is wrong is found between two frames, where an answer can still
be put. Texts are not looked at; whoever reads them finds out whether they are UTF-8.
"""

from struct import pack
from sys import maxsize
from typing import Final, NamedTuple

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

NO_STATUS: Final = 1005
"""Stands for a Close frame without a code; never on the wire (RFC 6455 §7.4.1)."""
ABNORMAL: Final = 1006
"""Stands for an end without a Close frame; never on the wire."""
PROTOCOL_ERROR: Final = 1002
NOT_TEXT: Final = 1007
POLICY_VIOLATION: Final = 1008
TOO_BIG: Final = 1009

_FINAL, _RESERVED, _OPCODE = 0x80, 0x70, 0x0F
_MASKED, _LENGTH = 0x80, 0x7F
_KNOWN: Final = frozenset((CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG))
_CONTROL_BYTES: Final = 125
_SPARE: Final = frozenset((1004, NO_STATUS, ABNORMAL, 1015))
"""Codes below 3000 that have a meaning and are never sent."""
_LAST_DEFINED: Final = 1014


class Fault(NamedTuple):
    """What is wrong with a frame: the code for whoever sent it, and a few words."""

    code: int
    detail: str


class FrameReader:
    """One direction of a WebSocket."""

    __slots__ = (
        "_extended",
        "_held",
        "_left",
        "_masked",
        "_max_message_bytes",
        "_message_bytes",
        "closed",
        "fault",
        "frames",
        "messages",
    )

    def __init__(self, *, masked: bool, extended: bool, max_message_bytes: int = maxsize) -> None:
        """`masked`: whether frames must be, as a client's, or must not be; `extended`: whether an extension was agreed
        on, which may use the reserved bits; `max_message_bytes` bounds the payloads of a message's frames together, as
        they are sent."""
        self._masked = masked
        self._extended = extended
        self._max_message_bytes = max_message_bytes
        self._held = b""
        """The beginning of a head, or of a Close frame, that is not whole yet."""
        self._left = 0
        """Octets that are still to come of a frame that has begun to pass."""
        self._message_bytes = -1
        """Of the message under way; negative: between two of them."""
        self.frames = 0
        """That have passed, at least their heads."""
        self.messages = 0
        """The same of messages."""
        self.fault: Fault | None = None
        """What is wrong; nothing passes any more."""
        self.closed = 0
        """The code of the Close frame that has passed, after which nothing does; 0 before."""

    @property
    def between_frames(self) -> bool:
        """Whether all that has passed are whole frames."""
        return not self._left

    def feed(self, data: bytes, frames: int = maxsize) -> bytes:
        """Takes octets as they came, gives those that pass now; at most so many `frames` may begin with them."""
        if self.fault is not None or self.closed:
            return b""
        if self._held:
            data, self._held = self._held + data, b""
        size, at = len(data), self._left
        masked, max_message_bytes = self._masked, self._max_message_bytes
        while at < size:
            if size - at < 2:
                return self._hold(data, at)
            first, second = data[at], data[at + 1]
            if second >= _MASKED:
                if not masked:
                    return self._refuse(data, at, PROTOCOL_ERROR, "a server's frame is masked")
                begin = at + 6
            else:
                if masked:
                    return self._refuse(data, at, PROTOCOL_ERROR, "a client's frame is not masked")
                begin = at + 2
            opcode, length = first & _OPCODE, second & _LENGTH
            if opcode not in _KNOWN:
                return self._refuse(data, at, PROTOCOL_ERROR, "an unknown opcode")
            if first & _RESERVED and not self._extended:
                return self._refuse(data, at, PROTOCOL_ERROR, "a reserved bit is set")
            if opcode < CLOSE:
                if (self._message_bytes < 0) is (opcode == CONTINUATION):
                    return self._refuse(data, at, PROTOCOL_ERROR, "fragments out of order")
            elif first < _FINAL:
                return self._refuse(data, at, PROTOCOL_ERROR, "a fragmented control frame")
            elif length > _CONTROL_BYTES:
                return self._refuse(data, at, PROTOCOL_ERROR, "a control frame that is too long")
            if length > _CONTROL_BYTES:
                longer = 2 if length == 126 else 8
                begin += longer
                if begin > size:
                    return self._hold(data, at)
                length = int.from_bytes(data[at + 2 : at + 2 + longer], "big")
                if length < (126 if longer == 2 else 1 << 16) or length >= 1 << 63:
                    return self._refuse(data, at, PROTOCOL_ERROR, "a length in another form than its shortest")
            elif begin > size:
                return self._hold(data, at)
            if frames <= 0:
                return self._refuse(data, at, POLICY_VIOLATION, "too many messages")
            if opcode < CLOSE:
                of_message = max(self._message_bytes, 0) + length
                if of_message > max_message_bytes:
                    return self._refuse(data, at, TOO_BIG, "a message that is too big")
                self._message_bytes = -1 if first >= _FINAL else of_message
                self.messages += opcode != CONTINUATION
            elif opcode == CLOSE:
                return self._close(data, at, begin, length)
            frames -= 1
            self.frames += 1
            at = begin + length
        self._left = at - size
        return data

    def _hold(self, data: bytes, at: int) -> bytes:
        self._left, self._held = 0, data[at:]
        return data[:at]

    def _refuse(self, data: bytes, at: int, code: int, detail: str) -> bytes:
        self._left, self.fault = 0, Fault(code, detail)
        return data[:at]

    def _close(self, data: bytes, at: int, begin: int, length: int) -> bytes:
        """Judges a Close frame, once it is whole (RFC 6455 §5.5.1). What follows it is nothing (§5.5.1)."""
        end = begin + length
        if end > len(data):
            return self._hold(data, at)
        payload = data[begin:end]
        if self._masked:
            payload = masked(payload, data[begin - 4 : begin])
        code = int.from_bytes(payload[:2], "big") if length else NO_STATUS
        if not _is_text(payload[2:]):
            return self._refuse(data, at, NOT_TEXT, "a Close frame whose reason is no text")
        if length == 1 or (length and not may_be_sent(code)):
            return self._refuse(data, at, PROTOCOL_ERROR, "a Close frame with a code that is never sent")
        self._left, self.closed = 0, code
        self.frames += 1
        return data[:end]


def may_be_sent(code: int) -> bool:
    """Whether a Close frame may have the code (RFC 6455 §7.4.2 and its registry)."""
    return 3000 <= code <= 4999 or (1000 <= code <= _LAST_DEFINED and code not in _SPARE)


def close_frame(code: int, reason: str, key: bytes = b"") -> bytes:
    """A Close frame; with a masking `key` of four octets as a client sends it. The reason has 123 octets at most."""
    payload = pack(">H", code) + reason.encode()
    if not key:
        return bytes((_FINAL | CLOSE, len(payload))) + payload
    return bytes((_FINAL | CLOSE, _MASKED | len(payload))) + key + masked(payload, key)


def masked(payload: bytes, key: bytes) -> bytes:
    """A control frame's payload under a masking key, or freed of it (RFC 6455 §5.3)."""
    return bytes(octet ^ key[place & 3] for place, octet in enumerate(payload))


def _is_text(octets: bytes) -> bool:
    try:
        octets.decode()
    except UnicodeDecodeError:
        return False
    return True
