"""Fields after a chunked body: discarded; refused where one would change what the head has said (RFC 9110 §6.5)."""

from tests.edge.wire.case import NEXT, Case, Passed, chunked, passes, refused


def _trailed(*lines: bytes) -> bytes:
    """A chunked body, these lines after it, and another request."""
    return chunked(b"5\r\nhello\r\n0\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n") + NEXT


DISCARDED = tuple(
    passes(name, _trailed(*lines), Passed("POST /x", b"hello"), "GET /next")
    for name, lines in {
        "a legal one": (b"X-Checksum: abc",),
        "an empty value": (b"X-Checksum:",),
        "two": (b"X-A: b", b"X-C: d"),
        "a digest": (b"Content-Digest: sha-256=:abc:",),
    }.items()
)

FORBIDDEN = tuple(
    refused(name, _trailed(line))
    for name, line in {
        "Content-Length": b"Content-Length: 0",
        "Transfer-Encoding": b"Transfer-Encoding: chunked",
        "Host": b"Host: b",
        "Authorization": b"Authorization: Bearer abc",
        "a key": b"X-API-Key: psk_abc",
        "Cookie": b"Cookie: a=b",
        "Connection": b"Connection: close",
        "Upgrade": b"Upgrade: h2c",
        "Expect": b"Expect: 100-continue",
        "Trailer": b"Trailer: X-A",
        "Content-Type": b"Content-Type: text/html",
        "Content-Encoding": b"Content-Encoding: gzip",
        "Content-Range": b"Content-Range: bytes 0-4/5",
        "X-User-ID": b"X-User-ID: admin",
        "X-User-ID in another spelling": b"x_user_id: admin",
        "X-Tenant-ID": b"X-Tenant-ID: 0190a000-0000-7000-8000-000000000001",
        "X-Forwarded-For": b"X-Forwarded-For: 10.0.0.1",
        "X-Request-ID": b"X-Request-ID: abc",
    }.items()
)

MALFORMED = tuple(
    refused(name, _trailed(line))
    for name, line in {
        "no colon": b"X-A",
        "no name": b": b",
        "a space before the colon": b"X-A : b",
        "a space in the name": b"X A: b",
        "a folded line": b"X-A: b\r\n c",
        "a space before the name": b" X-A: b",
        "a bare line feed": b"X-A: b\nX-C: d",
        "a bare carriage return": b"X-A: b\rX-C: d",
        "NUL": b"X-A: \x00",
        "a request": b"GET /smuggled HTTP/1.1",
    }.items()
)

CASES: tuple[Case, ...] = (
    *DISCARDED,
    *FORBIDDEN,
    *MALFORMED,
    refused("one of 70,000 octets", _trailed(b"X-A: " + b"b" * 70_000)),
    refused("5,000", _trailed(*[b"X-A: bbbbbbbb"] * 5_000)),
    refused("one that does not end", chunked(b"5\r\nhello\r\n0\r\nX-A: b"), 408),
)
