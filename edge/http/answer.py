"""The head of an answer to the client: which upstream fields go on, how the body is framed, what the edge adds."""

from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"

ENDS_HERE = frozenset(
    b"connection proxy-connection keep-alive te trailer transfer-encoding upgrade content-length "
    b"proxy-authenticate x-request-id".split()
)
"""Fields of an upstream's answer that are not passed on: hop-by-hop, framing, and the request id, which is ours."""


@dataclass(slots=True)
class Framing:
    """How a body is delimited: by `length` octets, by chunks, or (neither) by the end of the connection."""

    length: int | None
    chunked: bool


def frame_for_client(upstream: Framing, *, bodiless: bool, http_11: bool) -> Framing:
    """How the client gets a body that arrives framed like `upstream`."""
    if bodiless or upstream.length is not None:
        return Framing(upstream.length, chunked=False)
    return Framing(None, chunked=http_11)


def passed_on(fields: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The fields of an upstream's answer that go on to the client."""
    return [field for field in fields if field[0].lower() not in ENDS_HERE]


def answer_head(
    status: int,
    fields: Iterable[tuple[bytes, bytes]],
    framing: Framing,
    *,
    added: bytes,
    keep_alive: bool,
    http_11: bool,
) -> bytes:
    """The octets of an answer's head. `added` are whole lines that the edge sets itself."""
    parts = [STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status]
    parts += [b"%b: %b\r\n" % field for field in fields]
    if framing.chunked:
        parts.append(b"Transfer-Encoding: chunked\r\n")
    elif framing.length is not None:
        parts.append(b"Content-Length: %d\r\n" % framing.length)
    if not keep_alive:
        parts.append(b"Connection: close\r\n")
    elif not http_11:
        parts.append(b"Connection: keep-alive\r\n")
    parts.append(added)
    parts.append(b"\r\n")
    return b"".join(parts)


def chunk(data: bytes) -> bytes:
    """`data` as one chunk (RFC 9112 §7.1)."""
    return b"%x\r\n%b\r\n" % (len(data), data)
