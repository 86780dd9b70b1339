"""Frames as octets, for tests: well-formed unless told otherwise."""

from edge.websocket.frames import CLOSE, TEXT

KEY = b"\x01\x02\x03\x04"


def frame(
    payload: bytes = b"", opcode: int = TEXT, *, final: bool = True, mask: bytes = KEY, reserved: int = 0
) -> bytes:
    """One frame; without a mask as a server sends it. `reserved` are the bits of RSV1 to RSV3, 0 to 7."""
    first = (0x80 if final else 0) | reserved << 4 | opcode
    size = len(payload)
    bit = 0x80 if mask else 0
    if size < 126:
        length = bytes((bit | size,))
    elif size < 1 << 16:
        length = bytes((bit | 126,)) + size.to_bytes(2, "big")
    else:
        length = bytes((bit | 127,)) + size.to_bytes(8, "big")
    body = bytes(octet ^ mask[place % 4] for place, octet in enumerate(payload)) if mask else payload
    return bytes((first,)) + length + mask + body


def close(payload: bytes = b"", *, mask: bytes = KEY) -> bytes:
    """A Close frame with this payload."""
    return frame(payload, CLOSE, mask=mask)
