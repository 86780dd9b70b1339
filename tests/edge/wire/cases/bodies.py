"""Bodies where none is usual, and bodies that do not come (RFC 9110 §9.3.1, RFC 9112 §6.3, §9.3)."""

from tests.edge.wire.case import NEXT, Case, Passed, head, passes, post, refused

CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"
SMUGGLED = head("GET /smuggled")

CASES: tuple[Case, ...] = (
    *(
        passes(
            f"{method} with a body",
            head(f"{method} /x", b"Content-Length: 5") + b"hello" + NEXT,
            Passed(f"{method} /x", b"hello"),
            "GET /next",
        )
        for method in ("GET", "HEAD", "OPTIONS", "DELETE", "PUT", "PATCH")
    ),
    *(
        passes(
            f"{method} with chunks",
            head(f"{method} /x", b"Transfer-Encoding: chunked") + CHUNKS + NEXT,
            Passed(f"{method} /x", b"hello"),
            "GET /next",
        )
        for method in ("GET", "HEAD", "DELETE")
    ),
    passes(
        "a body that is a request",
        post(b"Content-Length: %d" % len(SMUGGLED), body=SMUGGLED) + NEXT,
        Passed("POST /x", SMUGGLED),
        "GET /next",
    ),
    passes(
        "a body of HTTP/1.0",
        b"POST /x HTTP/1.0\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        Passed("POST /x", b"hello"),
    ),
    passes("every octet", post(b"Content-Length: 256", body=bytes(range(256))), Passed("POST /x", bytes(range(256)))),
    passes(
        "line ends in a body",
        post(b"Content-Length: 8", body=b"\r\n\r\n\n\n\r\r") + NEXT,
        Passed("POST /x", b"\r\n\r\n\n\n\r\r"),
        "GET /next",
    ),
    refused("a body that comes in part", post(b"Content-Length: 6", body=b"hello"), 408),
    refused("a body that does not come", post(b"Content-Length: 5"), 408),
    refused("chunks that do not come", post(b"Transfer-Encoding: chunked"), 408),
    refused("a length that takes the next request in", head("GET /x", b"Content-Length: 9999") + NEXT, 408),
    refused("a head that comes in part", head("GET /x")[:-2], 408),
    refused("a request line that comes in part", b"GET /x HT", 408),
)
